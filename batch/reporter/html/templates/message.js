// The messages that were sent, as far as the page has them.

const messages = JSON.parse(document.getElementById("messages").textContent);

/** The message that the person got, or may have got; nothing where the page has none. */
function messageOf(row) {
  const [text, id] = messages[row[AT.row]] ?? [];
  if (text === undefined) {
    return "";
  }
  const section = document.createElement("section");
  section.append(made("h3", row[AT.outcome] === "unknown" ? words.maybe : words.message));
  const bubble = made("p", text === null ? words.changed : "", text === null ? "empty" : "bubble");
  bubble.append(text === null ? "" : isolated(text));
  section.append(bubble);
  if (id) {
    section.append(made("p", say(words.messageId, { id }), "code about"));
  }
  return section;
}

/** The message in the table: nothing, where what happened stands. */
const lineOfMessage = () => "";
