// What the page does: the one place that holds a state.

const TYPING = 150; // milliseconds without a key, then the rows are searched

const every = readRows();
const state = { found: every, column: AT.outcome, direction: 1, page: 0, size: 50 };
const part = (id) => document.getElementById(id);

function show() {
  const pages = Math.max(1, Math.ceil(state.found.length / state.size));
  state.page = Math.min(Math.max(0, state.page), pages - 1);
  const from = state.page * state.size;
  showRows(state.found.slice(from, from + state.size), { open: openDetail, copy: tellCopy });
  part("page").textContent = say(words.page, { n: state.page + 1, pages });
  part("first").disabled = part("back").disabled = state.page === 0;
  part("next").disabled = part("last").disabled = state.page === pages - 1;
}

function search() {
  const found = filtered(every);
  state.found = state.column === AT.row && state.direction === 1 ? found : ordered(found, state.column, state.direction);
  state.page = 0;
  show();
  part("hits").textContent = say(words.hits, { n: found.length, total: every.length });
}

function sort(column) {
  state.direction = state.column === column ? -state.direction : 1;
  state.column = column;
  markOrder(column, state.direction);
  search();
  const name = document.querySelector(`[data-column="${column}"]`).textContent;
  tell(say(state.direction > 0 ? words.sortedUp : words.sortedDown, { column: name }));
}

async function tellCopy(row) {
  tell(await copyRow(row));
}

/** Say something to who listens, and for a while beside a button to who looks. */
function tell(text, beside = null) {
  part("said").textContent = text;
  if (beside) {
    const note = made("span", text, "beside-it");
    note.setAttribute("aria-hidden", "true");
    beside.after(note);
    setTimeout(() => note.remove(), 2500);
  }
}

function turnTo(page) {
  state.page = page;
  show();
  part("table-box").scrollIntoView({ block: "nearest" });
}

function listen() {
  let waiting;
  part("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, TYPING);
  });
  part("controls").addEventListener("change", (event) => {
    if (event.target !== part("search")) {
      search(); // the text is searched already; a new table now would swallow the click that took the focus from it
    }
  });
  part("controls").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  part("controls").addEventListener("reset", () => setTimeout(search));
  part("first").addEventListener("click", () => turnTo(0));
  part("back").addEventListener("click", () => turnTo(state.page - 1));
  part("next").addEventListener("click", () => turnTo(state.page + 1));
  part("last").addEventListener("click", () => turnTo(Infinity));
  part("size").addEventListener("change", (event) => {
    state.size = Number(event.target.value);
    turnTo(0);
  });
  for (const choice of document.querySelectorAll(".copies")) {
    choice.addEventListener("click", async () => tell((await copied(choice.dataset.copy)) ? words.copiedText : words.notCopied, choice));
    choice.hidden = false;
  }
  for (const choice of document.querySelectorAll(".at")) {
    choice.addEventListener("click", () => openDetail(every.find((row) => row[AT.row] === Number(choice.dataset.row))));
    choice.hidden = false;
  }
  part("detail-close").addEventListener("click", () => part("detail").close());
  for (const choice of document.querySelectorAll(".show")) {
    choice.addEventListener("click", () => {
      chooseOnly(choice.dataset);
      search();
      part("rows").focus();
      part("rows").scrollIntoView();
    });
    choice.hidden = false;
  }
}

for (const plain of document.querySelectorAll(".without-script")) {
  plain.hidden = true;
}
if (part("left-out")) {
  part("held").append(...part("left-out").childNodes); // beside the number of hits, which speaks of what is here
}
listen();
prepareHeadings(sort);
markOrder(AT.outcome, 1);
part("controls").hidden = part("pages").hidden = false;
search();
setTimeout(warmUp, 0, every);
