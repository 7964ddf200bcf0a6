// The rows as they stand in the page, read by the rule by which html_rows.py wrote them.

const settings = JSON.parse(document.getElementById("settings").textContent);
const words = settings.words;

/** Places in a row: its number, the result columns that the page has, the user's own cells, then what fills its message. */
const at = (column) => 1 + settings.names.findIndex(([name]) => name === `wegly_${column}`) || NaN;
const AT = { row: 0, outcome: at("status"), reason: at("reason"), message: at("message"), action: at("action"), phone: at("phone"), chat: at("chat_id"), sentAt: at("sent_at"), delivery: at("delivery"), seenAt: at("delivery_seen_at"), failure: at("delivery_reason"), reply: at("reply"), repliedAt: at("replied_at"), own: 1 + settings.names.length, values: 1 + settings.names.length + settings.own.length };
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
