// What is typed into the form for a new room, as the interface wants it. Knows no page and no words.

/** The settings that everybody is asked for. Those of experts are in the words, with what they are called. */
export const ASKED = ['labels', 'signs', 'prompts', 'model', 'deadline', 'room_name', 'rounds', 'least'];

/** The settings that no form asks for: of a room above several servers, which no class is in itself. */
export const NOT_ASKED = ['edge_clients', 'edge_key'];

/**
 * Settings that are not numbers, and how they are written.
 * @type {Record<string, (typed: string) => string | string[]>}
 */
const TEXTS = {
  code: (typed) => typed.toUpperCase(),
  groups: (typed) => typed.split(/[,，、،]/).map((group) => group.trim()).filter(Boolean),
  selection: (typed) => typed.replace(',', '.'), // a number, or a share such as 25%
};

/**
 * Settings that mean something only where others are chosen: each with what it belongs to, and the values there; none of them
 * named: any.
 * @type {Record<string, [string, ...string[]]>}
 */
const BELONGS = {
  server_learning_rate: ['strategy', '', 'fedavg', 'fedavgm', 'fedadagrad', 'fedadam', 'fedyogi', 'scaffold'],
  modalities: ['model', 'compact-text'],
  proximal: ['strategy', 'fedprox'],
  trim: ['aggregation', 'trimmed_mean'],
  faulty: ['aggregation', 'krum', 'multi_krum'],
  chosen: ['aggregation', 'multi_krum'],
  clip_norm: ['aggregation', 'clipping'],
  masking: ['masked'],
  masking_encoding: ['masked'],
  masking_clip: ['masked'],
  over_selection: ['selection'],
  staleness_exponent: ['asynchronous'],
  most_stale: ['asynchronous'],
  noise_multiplier: ['epsilon'],
  noise_hides: ['epsilon'],
  clip: ['epsilon'],
  noise_clients: ['epsilon'],
  delta: ['epsilon'],
};

/**
 * Whether a setting means something with what is chosen otherwise.
 * @param {string} name
 * @param {(name: string) => string} chosen what stands in another setting's field
 */
export function isWanted(name, chosen) {
  if (!Object.hasOwn(BELONGS, name)) return true;
  const [other, ...values] = BELONGS[name];
  return values.length ? values.includes(chosen(other)) : chosen(other).trim() !== '';
}

/** How a masked room is masked, where nothing else is chosen: against a server that may lie. */
const USUAL_MASKING = 'active';

/**
 * What was chosen of masks: where the form has them and nobody chose how, they are as usual.
 * @param {Record<string, unknown>} settings
 * @param {boolean} masked
 * @returns {Record<string, unknown>}
 */
export function withMasks(settings, masked) {
  return masked && !('masking' in settings) ? { ...settings, masking: USUAL_MASKING } : settings;
}

/** Most laptops at one time, where nothing else is chosen. */
const USUAL_MOST = 64;
/** Settings that say how many results a round wants; a room with one of them begins with as many laptops as the server has it. */
const WANTED = ['goal', 'selection', 'asynchronous'];

/**
 * When the rounds begin: where no number was typed, when the host says so, that is, by themselves only in a full room.
 * @param {Record<string, unknown>} settings
 * @returns {Record<string, unknown>}
 */
export function withBeginning(settings) {
  if ('least' in settings || WANTED.some((name) => name in settings)) return settings;
  return { ...settings, least: settings.max_clients ?? USUAL_MOST };
}

/**
 * A refusal of the server's in the words of the form: it names settings as the interface does.
 * @param {string} refusal
 * @param {Record<string, string>} labels the settings' names in the form
 */
export function inWordsOfTheForm(refusal, labels) {
  return refusal.replace(/\b[a-z]+(?:_[a-z]+)+\b/g, (name) => (Object.hasOwn(labels, name) ? labels[name] : name));
}

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
 * @returns {number | string | string[] | null} nothing where it cannot be right
 */
export function settingOf(name, typed) {
  const write = Object.hasOwn(TEXTS, name) ? TEXTS[name] : null;
  return write ? write(typed.trim()) : numberOf(typed);
}
