/** Making and changing elements. Text from outside goes in by textContent and in no other way. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Object<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** @param {Node} node @param {string} text */
export function setText(node, text) {
  const first = node.firstChild;
  if (first instanceof Text && first.nextSibling === null) {
    if (first.data !== text) first.data = text;
  } else if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} node @param {string} name */
export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found;
}

/**
 * Have as many children as there are things, and bring each up to date.
 *
 * @template T
 * @param {HTMLElement} parent
 * @param {T[]} things
 * @param {() => HTMLElement} create
 * @param {(node: HTMLElement, thing: T, index: number) => void} update
 */
export function fill(parent, things, create, update) {
  while (parent.children.length > things.length) parent.lastElementChild?.remove();
  things.forEach((thing, index) => {
    if (index === parent.children.length) parent.append(create());
    update(/** @type {HTMLElement} */ (parent.children[index]), thing, index);
  });
}
