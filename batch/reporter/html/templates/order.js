// The order of the rows: by any column of the table, numbers as numbers, texts without accents and case.

const ORDER_OF_OUTCOMES = ["error", "unknown", "pending", "skipped", "reused", "success"];

/** The rows in a new order; equal ones stay in the order of the sheet. `direction`: 1 or -1. */
function ordered(rows, column, direction) {
  const keyed = rows.map((row) => ({ row, key: keyOf(row, column) }));
  keyed.sort((one, other) => direction * compared(one.key, other.key) || one.row[AT.row] - other.row[AT.row]);
  return keyed.map((each) => each.row);
}

function keyOf(row, column) {
  const value = row[column];
  if (column === AT.row) {
    return value;
  }
  if (column === AT.outcome) {
    return ORDER_OF_OUTCOMES.indexOf(value);
  }
  if (column === AT.sentAt) {
    return value === null ? Infinity : Date.parse(value);
  }
  return value === null ? Infinity : numberIn(value) ?? folded(value);
}

/** A cell that is a number (1.234,56 or 1234.5); null for any other text. */
function numberIn(text) {
  if (!/^-?\d+([.,]\d+)*$/.test(text)) {
    return null;
  }
  return Number(text.includes(",") ? text.replaceAll(".", "").replace(",", ".") : text);
}

/** Numbers before texts, what is empty at the end. */
function compared(one, other) {
  if (typeof one === typeof other) {
    return one < other ? -1 : one > other ? 1 : 0;
  }
  if (one === Infinity || other === Infinity) {
    return one === Infinity ? 1 : -1;
  }
  return typeof one === "number" ? -1 : 1;
}
