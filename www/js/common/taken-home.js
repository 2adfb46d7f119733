// What the page that a person takes home has inside: js/room/offline-file.js writes it, js/offline/offline.js reads it.
// Types only: nothing here runs.

/**
 * @typedef {object} TakenHome
 * @property {string} name the room's
 * @property {string[]} labels
 * @property {string[]} signs what each label is shown by, where the room chose that
 * @property {string} architecture
 * @property {boolean} hears whether the model is given voices
 * @property {boolean} reads whether it is given what is said
 * @property {boolean} speeds whether an answer is the mean over five speeds
 * @property {number} rounds that the model was trained
 * @property {string} score on how many of the test clips it was right, as people read it, or nothing
 * @property {string} date when it was taken home
 * @property {string} card its model card, as Markdown
 * @property {string} parameters f32 in little-endian order, in base64; so are the next two
 * @property {string} mean
 * @property {string} deviation
 */

export {};
