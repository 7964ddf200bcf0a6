// The rows as they stand in the page, read by the rule by which html_rows.py wrote them.

const settings = JSON.parse(document.getElementById("settings").textContent);
const words = settings.words;
const messages = JSON.parse(document.getElementById("messages").textContent);

/** Places in a row: its number, the result columns in their order (those of delivery once followed), then the user's own cells. */
const AT = { row: 0, outcome: 1, reason: 2, message: 3, action: 4, phone: 5, chat: 6, chatStatus: 7, evidence: 8, http: 9, attempts: 10, sentAt: 11, duration: 12, run: 13, delivery: 14, seenAt: 15, failure: 16, reply: 17, repliedAt: 18, own: 1 + settings.names.length };
const MOMENTS = [AT.sentAt, AT.seenAt, AT.repliedAt];
const isMoment = (index) => index < AT.own && MOMENTS.includes(index);

/** All rows of the page. A text that stands there as a number is one that came before. */
function readRows() {
  const texts = [];
  const rows = [];
  for (const part of document.querySelectorAll("script.rows-data")) {
    for (const row of JSON.parse(part.textContent)) {
      rows.push(unpacked(row, texts));
    }
    part.remove();
  }
  return rows;
}

function unpacked(row, texts) {
  settings.interned.forEach((once, index) => {
    const value = row[index + 1];
    if (!once || value === null) {
      return;
    }
    if (typeof value === "number") {
      row[index + 1] = texts[value];
    } else if (texts.length < settings.mostTexts) {
      texts.push(value);
    }
  });
  return row;
}

const asNumber = new Intl.NumberFormat(settings.lang);
const asMoment = clockOf({ dateStyle: "medium", timeStyle: "medium" });
const asTime = clockOf({ timeStyle: "medium" });
const asDay = clockOf({ dateStyle: "short" });
const began = asDay?.format(new Date(settings.began));

/** What writes moments down on the clock of the campaign; null for a zone that the browser does not know. */
function clockOf(parts) {
  try {
    return new Intl.DateTimeFormat(settings.lang, { ...parts, timeZone: settings.timezone });
  } catch {
    return null; // older than the zone's name: then the moment is shown as the page has it, which is right too
  }
}

/** A sentence with its values; numbers are written as people of the language do. */
function say(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? asNumber.format(values[name]) : values[name]));
}

/** A moment (ISO 8601) on the clock of the campaign, without its day where that is the run's. */
function momentOf(iso) {
  if (!iso) {
    return "";
  }
  const at = new Date(iso);
  return asMoment ? (asDay.format(at) === began ? asTime : asMoment).format(at) : iso.replace("T", " ");
}
