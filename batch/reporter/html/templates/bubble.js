// The message of a row, made of the template's body and the row's own texts: as the person will read it in WhatsApp.

const PLACEHOLDER = /\{\{([^{}]*)\}\}/g;

/** Sender, template, language and values of a row's message; null where it has none. */
function partsOf(row) {
  const [sender, template, language, ...values] = row.slice(AT.values);
  return sender === null ? null : { sender, template, language, values };
}

/** The body in pieces: texts, and those that fill a placeholder, which are marked. */
function piecesOf(values) {
  const given = new Map();
  settings.fields.forEach((field, index) => field.inBody && values[index] !== null && given.set(field.index, values[index]));
  const pieces = [];
  let end = 0;
  for (const found of settings.body.matchAll(PLACEHOLDER)) {
    const name = found[1].trim();
    const value = /^[0-9]{1,4}$/.test(name) ? given.get(Number(name)) : undefined;
    pieces.push(document.createTextNode(settings.body.slice(end, found.index)));
    pieces.push(value === undefined ? document.createTextNode(found[0]) : filled(value));
    end = found.index + found[0].length;
  }
  pieces.push(document.createTextNode(settings.body.slice(end)));
  return pieces;
}

function filled(value) {
  const part = isolated(value);
  part.className = "filled";
  return part;
}

/** The values that are in no body, each with its label. */
function otherValues(values) {
  return settings.fields
    .map((field, index) => ({ ...field, value: values[index] }))
    .filter((field) => field.value !== null && !(field.inBody && settings.body !== null));
}

/** The message in a row's detail. */
function messageOf(row) {
  const parts = partsOf(row);
  if (parts === null) {
    return "";
  }
  const section = document.createElement("section");
  const bubble = made("div", "", "bubble");
  const others = otherValues(parts.values);
  for (const field of others.filter((each) => each.component === "HEADER")) {
    bubble.append(labelled(field, "bubble-head"));
  }
  if (settings.body !== null) {
    const body = made("p", "", "bubble-body");
    body.append(...piecesOf(parts.values));
    bubble.append(body);
  }
  for (const field of others.filter((each) => each.component !== "HEADER")) {
    bubble.append(labelled(field, field.component === "BUTTON" ? "bubble-button" : "bubble-field"));
  }
  const from = made("p", "", "bubble-from");
  from.append(isolated(say(words.template, { template: parts.template, language: parts.language })), document.createElement("br"), isolated(say(words.sender, { sender: parts.sender })));
  const chat = made("div", "", "chat-box");
  chat.append(bubble);
  section.append(made("h3", words.message), chat, from);
  return section;
}

function labelled(field, className) {
  const line = made("p", "", className);
  line.append(made("span", field.label, "bubble-label"), " ", filled(field.value));
  return line;
}

/** The message in the table. */
function lineOfMessage(row) {
  const parts = partsOf(row);
  if (parts === null) {
    return "";
  }
  const line = made("span", "", "preview");
  if (settings.body !== null) {
    line.append(...piecesOf(parts.values));
  } else {
    line.append(...otherValues(parts.values).flatMap((field) => [`${field.label}: `, filled(field.value), " "]));
  }
  return line;
}
