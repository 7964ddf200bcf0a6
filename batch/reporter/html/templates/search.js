// Search: accents and case do not count, and a phone is found in any spelling of it.

const WARM_ROWS = 2000;
const LEAST_DIGITS = 3;
const haystacks = new WeakMap();

/** A text as it is compared. */
function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Everything that a row may be found by, made once. */
function haystackOf(row) {
  let made = haystacks.get(row);
  if (made === undefined) {
    const texts = row.map((cell, index) => (cell === null ? "" : isMoment(index) ? momentOf(cell) : String(cell)));
    made = `${folded(settings.outcomes[row[AT.outcome]] ?? "")}\n${folded(texts.join("\n"))}\n${phoneDigits(row).join("\n")}`;
    haystacks.set(row, made);
  }
  return made;
}

/** The digits by which a row's phone may be looked for: as it is, as the sheet has it, without the ninth digit. */
function phoneDigits(row) {
  const person = digitsOf(row[AT.phone] ?? "");
  const short = person.replace(/^(55\d\d)9(\d{8})$/, "$1$2");
  const cells = row.slice(AT.own).filter((cell) => cell !== null).map(digitsOf).filter((digits) => digits.length >= 8);
  return [...new Set([person, short, ...cells])];
}

function digitsOf(text) {
  return String(text).replace(/\D/g, "");
}

/** What tells whether a row is searched for; null when the query is empty. */
function matcherOf(query) {
  const terms = folded(query).split(/\s+/).filter(Boolean);
  if (!terms.length) {
    return null;
  }
  const digits = digitsOf(query).replace(/^0+/, "");
  const likePhone = /^[\s\d()+./-]+$/.test(query) && digits.length >= LEAST_DIGITS;
  return (row) => {
    const haystack = haystackOf(row);
    return terms.every((term) => haystack.includes(term)) || (likePhone && haystack.includes(digits));
  };
}

/** Make what is searched in while nobody waits for it. */
function warmUp(rows, from = 0) {
  rows.slice(from, from + WARM_ROWS).forEach(haystackOf);
  if (from + WARM_ROWS < rows.length) {
    setTimeout(warmUp, 0, rows, from + WARM_ROWS);
  }
}
