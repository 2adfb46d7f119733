// What is typed into the form for a new room, as the interface wants it. Knows no page and no words.

/** The settings that everybody is asked for. Those of experts are in the words, with what they are called. */
export const ASKED = ['labels', 'model', 'deadline', 'room_name', 'rounds', 'least'];

/**
 * Settings that are not numbers, and how they are written.
 * @type {Record<string, (typed: string) => string>}
 */
const TEXTS = {
  code: (typed) => typed.toUpperCase(),
  selection: (typed) => typed.replace(',', '.'), // a number, or a share such as 25%
};

/**
 * A number as people type it, with a point or a comma.
 * @param {string} typed
 * @returns {number | null} nothing where it is none
 */
export function numberOf(typed) {
  const text = typed.trim().replace(',', '.');
  const value = Number(text);
  return text !== '' && Number.isFinite(value) ? value : null;
}

/**
 * What was typed into a setting's field, which is not empty.
 * @param {string} name
 * @param {string} typed
 * @returns {number | string | null} nothing where it cannot be right
 */
export function settingOf(name, typed) {
  const write = Object.hasOwn(TEXTS, name) ? TEXTS[name] : null;
  return write ? write(typed.trim()) : numberOf(typed);
}
