// Which rows are shown: what the person looks for, by text, outcome and reason.

const chosenOutcomes = () => [...document.querySelectorAll("input[name=outcome]:checked")].map((box) => box.value);

/** The rows that fit all that is set in the controls, in the order of the sheet. */
function filtered(rows) {
  const matches = matcherOf(document.getElementById("search").value);
  const outcomes = new Set(chosenOutcomes());
  const reason = document.getElementById("reason").value;
  return rows.filter(
    (row) =>
      (!outcomes.size || outcomes.has(row[AT.outcome])) &&
      (!reason || row[AT.reason] === reason) &&
      (!matches || matches(row)),
  );
}

/** Set the controls to one outcome, and perhaps a reason, and nothing else. */
function chooseOnly(outcome, reason = "") {
  document.getElementById("search").value = "";
  document.getElementById("reason").value = reason;
  for (const box of document.querySelectorAll("input[name=outcome]")) {
    box.checked = box.value === outcome;
  }
}
