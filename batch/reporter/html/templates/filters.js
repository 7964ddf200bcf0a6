// Which rows are shown: what the person looks for, by text, outcome and reason.

const chosenOutcomes = () => [...document.querySelectorAll("input[name=outcome]:checked")].map((box) => box.value);

/** The rows that fit all that is set in the controls, in the order of the sheet. */
function filtered(rows) {
  const matches = matcherOf(document.getElementById("search").value);
  const outcomes = new Set(chosenOutcomes());
  const reason = document.getElementById("reason").value;
  const delivery = document.getElementById("delivery")?.value.split(" ");
  return rows.filter(
    (row) =>
      (!outcomes.size || outcomes.has(row[AT.outcome])) &&
      (!reason || row[AT.reason] === reason) &&
      (!delivery?.[0] || delivery.some((wanted) => arrivedSo(row, wanted))) &&
      (!matches || matches(row)),
  );
}

const accepted = new Set(["success", "reused"]);

/** Whether a row is of a state of delivery; `none`: accepted, and not looked at. */
function arrivedSo(row, wanted) {
  if (wanted === "reply") {
    return row[AT.reply] !== null;
  }
  if (wanted === "opt_out") {
    return row[AT.reply] === "opt_out" || (row[AT.delivery] === "failed" && String(row[AT.failure]).startsWith("131050"));
  }
  return wanted === "none" ? row[AT.delivery] === null && accepted.has(row[AT.outcome]) : row[AT.delivery] === wanted;
}

/** Set the controls to one outcome, and perhaps a reason, or to what arrived, and nothing else. */
function chooseOnly({ outcome, reason = "", delivery = "" }) {
  if (document.getElementById("delivery")) {
    document.getElementById("delivery").value = delivery;
  }
  document.getElementById("search").value = "";
  document.getElementById("reason").value = reason;
  for (const box of document.querySelectorAll("input[name=outcome]")) {
    box.checked = box.value === outcome;
  }
}
