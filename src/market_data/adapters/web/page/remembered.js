/** What this browser remembers of whoever looks: nothing, where it does not let us. */

/** @param {string} name @param {string} otherwise */
export function recall(name, otherwise) {
  try {
    return localStorage.getItem(name) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // it is forgotten with the page
  }
}

/** @param {string} name @returns {string[]} */
export function recallList(name) {
  try {
    const found = JSON.parse(recall(name, "[]"));
    return Array.isArray(found) ? found.map(String) : [];
  } catch {
    return [];
  }
}
