// A row for the clipboard: values with tabs between them, as a sheet takes them; none of them becomes a formula there.

const BEGINS_FORMULA = /^(?:[\t\r]|\s*[=+\-@＝＋－＠])/;
const HARMLESS = /^(?:[+-]|--+|[+-]?[0-9]+(?:[.,][0-9]+)*|\+[0-9]{1,3} [0-9 ()-]+)$/;

/** The row as one line: the user's cells, then the result columns, as in report.xlsx. */
function asLine(row) {
  return [...row.slice(AT.own, AT.values), ...row.slice(AT.outcome, AT.own)].map(asCell).join("\t");
}

function asCell(value) {
  const text = String(value ?? "");
  const bare = text.replace(/^'+/, "");
  const guarded = BEGINS_FORMULA.test(bare) && !HARMLESS.test(bare) ? `'${text}` : text;
  return guarded.replace(/[\t\r\n]+/g, " ");
}

/** Copy a row; gives what to tell about it. */
async function copyRow(row) {
  return (await copied(asLine(row))) ? say(words.copied, { row: row[AT.row] }) : words.notCopied;
}

/** Copy a text; whether that went well. */
async function copied(text) {
  return (await copiedByApi(text)) || copiedByHand(text);
}

async function copiedByApi(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // an old browser, or one that does not allow it: then the other way
  }
}

/** The way of before: a text that is selected and copied. In the dialog when it is open, which alone has the focus. */
function copiedByHand(text) {
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "aloud";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}
