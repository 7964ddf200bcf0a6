// Everything about one row, in a dialog.

/** An element with a text and a class. Texts of a sheet go into a page in this way only. */
function made(name, text = "", className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) {
    element.className = className;
  }
  return element;
}

function badgeOf(row) {
  return made("span", settings.outcomes[row[AT.outcome]] ?? "", "badge");
}

/** The outcome, and below it what arrived. */
function outcomeOf(row) {
  const part = document.createDocumentFragment();
  part.append(row[AT.outcome] ? badgeOf(row) : "");
  if (settings.followed && row[AT.delivery] !== null) {
    part.append(" ", made("span", shownValue(row, AT.delivery), "state"));
  }
  return part;
}

/** A text of unknown direction that leaves the direction of its neighbours alone. */
function isolated(text) {
  const element = made("bdi", text);
  element.dir = "auto";
  return element;
}

/** Fill the dialog with a row and open it. */
function openDetail(row) {
  const dialog = document.getElementById("detail");
  document.getElementById("detail-title").textContent = [say(words.row, { row: row[AT.row] }), whoOf(row)].filter(Boolean).join(" · ");
  const body = document.getElementById("detail-body");
  body.className = row[AT.outcome] ? `is-${row[AT.outcome]}` : "";
  const what = made("p", "", "detail-what");
  what.append(isolated(row[AT.message] ?? ""));
  what.hidden = !row[AT.message];
  body.replaceChildren(badgeOf(row), what, made("p", row[AT.action] ?? "", "todo"), messageOf(row), results(row), ownCells(row));
  document.getElementById("detail-said").textContent = "";
  document.getElementById("detail-copy").onclick = async () => {
    document.getElementById("detail-said").textContent = await copyRow(row);
  };
  dialog.showModal();
  body.scrollTop = 0;
}

/** A value of a row to decide with a button that copies it; of any other row the value alone. */
function copyable(row, index, shown = row[index]) {
  const part = document.createDocumentFragment();
  part.append(isolated(shown ?? ""));
  if (row[AT.outcome] === "unknown" && row[index]) {
    const copy = button(words.copy, say(words.copyText, { text: row[index] }), "copy", async () => {
      tell((await copied(row[index])) ? words.copiedText : words.notCopied, copy);
    });
    part.append(" ", copy);
  }
  return part;
}

/** Whose row it is, by the first column of the sheet that tells; nothing where none does. */
function whoOf(row) {
  return settings.lead.length ? (row[AT.own + settings.lead[0]] ?? "").slice(0, 60) : "";
}

function ownCells(row) {
  const part = document.createElement("section");
  if (settings.own.length) {
    part.append(made("h3", words.own), list(settings.own.map((name, index) => [name, row[AT.own + index]])));
  }
  return part;
}

function results(row) {
  const part = document.createElement("section");
  const values = settings.names
    .map(([, name], index) => [name, [AT.phone, AT.chat].includes(index + 1) && row[index + 1] ? copyable(row, index + 1) : shownValue(row, index + 1)])
    .filter((_, index) => ![AT.outcome, AT.message, AT.action].includes(index + 1));
  part.append(made("h3", words.results), list(values));
  return part;
}

function shownValue(row, index) {
  const value = row[index];
  if (settings.followed && value !== null && index === AT.delivery) {
    return settings.states[value] ?? value;
  }
  if (settings.followed && value !== null && index === AT.reply) {
    return settings.replies[value] ?? value.replace(/^button:/, settings.replies["button:"]);
  }
  return isMoment(index) ? momentOf(value) || null : typeof value === "number" ? asNumber.format(value) : value;
}

function list(pairs) {
  const element = document.createElement("dl");
  for (const [name, value] of pairs) {
    const term = document.createElement("dt");
    term.append(isolated(name));
    const said = document.createElement("dd");
    said.append(value === null || value === "" ? made("span", words.empty, "empty") : value instanceof Node ? value : isolated(value));
    element.append(term, said);
  }
  return element;
}
