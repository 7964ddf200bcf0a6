// The table of one page of rows.

/** Put rows into the table. `open(row)` and `copy(row)` are what its buttons do. */
function showRows(rows, { open, copy }) {
  const table = document.getElementById("table");
  const body = made("tbody");
  body.setAttribute("role", "rowgroup");
  body.append(...rows.map((row) => lineOf(row, open, copy)));
  table.tBodies[0].replaceWith(body);
  if (!rows.length) {
    body.append(emptyLine(table.tHead.rows[0].cells.length));
  }
}

function lineOf(row, open, copy) {
  const line = made("tr", "", row[AT.outcome] ? `is-${row[AT.outcome]}` : "");
  line.setAttribute("role", "row");
  const labels = labelsOfColumns();
  line.append(
    headOf(row, open),
    cell(labels[AT.outcome], outcomeOf(row)),
    ...settings.lead.map((index) => cell(settings.own[index], isolated(row[AT.own + index] ?? ""), "who")),
    cell(labels[AT.phone], row[AT.phone] ? copyable(row, AT.phone) : "", "phone"),
    cell(labels[AT.message], sentences(row), "words"),
    ...(AT.sentAt ? [cell(labels[AT.sentAt], momentOf(row[AT.sentAt]), "when")] : []),
    cell("", button(words.copy, say(words.copyRow, { row: row[AT.row] }), "copy", () => copy(row)), "tools"),
  );
  return line;
}

function headOf(row, open) {
  const head = made("th");
  head.scope = "row";
  head.setAttribute("role", "rowheader");
  const number = String(row[AT.row]);
  head.append(button(number, say(words.details, { row: number }), "open", () => open(row)));
  return head;
}

function cell(label, content, className = "") {
  const element = made("td", "", className);
  element.setAttribute("role", "cell");
  if (label) {
    element.dataset.label = label;
  }
  if (content !== "") {
    element.append(content);
  }
  return element;
}

function sentences(row) {
  const part = made("span", "", "clamped");
  part.append(isolated(row[AT.message] ?? ""), lineOfMessage(row));
  if (row[AT.action]) {
    part.append(" ", made("span", row[AT.action], "todo"));
  }
  return part;
}

function button(text, label, className, act) {
  const element = made("button", text, className);
  element.type = "button";
  element.setAttribute("aria-label", label);
  element.addEventListener("click", act);
  return element;
}

function labelsOfColumns() {
  return Object.fromEntries(settings.names.map(([, name], index) => [index + 1, name]));
}

function emptyLine(width) {
  const line = made("tr");
  line.setAttribute("role", "row");
  const only = cell("", words.none);
  only.colSpan = width;
  line.append(only);
  return line;
}

/** Give each heading a button that sorts, and the table a column for its tools. */
function prepareHeadings(sort) {
  const table = document.getElementById("table");
  table.classList.add("scripted"); // what has no room on a middling screen is in the detail
  const line = table.tHead.rows[0];
  for (const heading of line.cells) {
    const by = made("button", "", "sort");
    by.type = "button";
    by.append(...heading.childNodes);
    by.addEventListener("click", () => sort(Number(heading.dataset.column)));
    heading.append(by);
  }
  const tools = made("th", "", "tools");
  tools.scope = "col";
  tools.setAttribute("role", "columnheader");
  tools.append(made("span", words.tools, "aloud"));
  line.append(tools);
}

/** Say by which column the rows are in order. */
function markOrder(column, direction) {
  for (const heading of document.getElementById("table").tHead.rows[0].cells) {
    if (Number(heading.dataset.column) === column) {
      heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    } else {
      heading.removeAttribute("aria-sort");
    }
  }
}
