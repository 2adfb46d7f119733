// A model card (Mitchell et al. 2019, "Model Cards for Model Reporting"): what goes beside an exported model, in the page's language,
// as Markdown. It says nothing that was not measured or told. A pure function.

import { percent } from '../common/format.js';
import { areMoods } from '../common/moods.js';
import { groupRows } from './by-group.js';
import { sharedResults } from './shared-results.js';

/** @typedef {typeof import('/words/en.js').words} Words */

/**
 * @param {Pick<import('./api-shapes.js').PublicRoom, 'room' | 'status' | 'history'>} shared the room as everyone may see it
 * @param {{epochs: number, clips: number, right: number, tested: number} | null} own of a model that went on from the shared one on one
 *   person's clips: for how long, on how many, and on how many of their test clips it is right
 * @param {{labels: string[], date: string}} shown the labels and today as people read them
 * @param {Words} words
 */
export function modelCard({ room, status, history }, own, shown, words) {
  const text = words.card;
  const moods = areMoods(room.labels, words);
  const labels = shown.labels.map(plain);
  const last = history.at(-1);
  const most = Math.max(0, ...history.map(({ clients }) => clients));
  const result = sharedResults({ history, status }).at(-1);
  const sides = room.architecture === 'compact-text' ? room.modalities ?? 'both' : 'voice';

  const learnt = [
    last ? text.from(last.examples, most, history.length) : text.untrained,
    ...(own ? [text.own(own.epochs, own.clips)] : []),
    text.stayed,
    ...(room.masking ? [text.masked] : []),
    ...(room.noise ? [text.noised] : []),
    ...(room.normalisation === 'own' && !own ? [text.ownScales] : []),
    ...(room.final_model === 'mean' && last && history.length >= room.rounds ? [text.mean] : []),
  ];
  const signs = labels.map((_, index) => signName(room.signs?.[index] ?? '', words));
  /** @type {string[]} */
  let tested;
  if (own) tested = own.tested > 0 ? [text.measuredOwn(words.common.score(own.right, own.tested))] : [text.untested];
  else if (!result || result.clips === 0) tested = [text.untested];
  else {
    tested = [text.measured(words.common.score(Math.round(result.accuracy * result.clips), result.clips), result.version), '',
      `| ${text.label} | ${text.found} |`, '| --- | --- |',
      ...labels.map((label, index) => {
        const row = result.confusion[index] ?? [];
        const all = row.reduce((sum, count) => sum + count, 0);
        return `| ${label} | ${all > 0 ? words.common.score(row[index] ?? 0, all) : text.noClips} |`;
      }), ''];
  }
  return [
    `# ${text.title(plain(room.name))}`, '', text.written(shown.date), '',
    `## ${text.does}`, '', text.tells(labels.map((label, index) => (signs[index] ? `${label} (${signs[index]})` : label)).join(', ')), text.sides[sides], text.network(room.architecture, status.model_version), '',
    `## ${text.learnt}`, '', ...learnt, '',
    `## ${text.tested}`, '', ...tested, text.same, '', ...byGroup(room.groups ?? [], own ? [] : status.final_groups, words), '',
    `## ${text.not}`, '', ...[...(moods ? text.moods : []), ...text.uses].map((use) => `- ${use}`), '',
    text.privacy, '',
  ].join('\n');
}

/**
 * How it does with each group, as far as that was told and may be shown.
 * @param {string[]} groups
 * @param {import('./api-shapes.js').Status['final_groups']} results
 * @param {Words} words
 */
function byGroup(groups, results, words) {
  const text = words.card;
  if (groups.length === 0) return [text.groups];
  const { asked, later, small, group, found, mean, few, others } = text.byGroup;
  const names = groups.map(plain);
  const rows = groupRows(names, results ?? []);
  if (rows.length === 0) return [`${asked(names.join(' · '))} ${results?.length ? small : later}`, text.groups];
  return [asked(names.join(' · ')), '', `| ${group} | ${found} | ${mean} |`, '| --- | --- | --- |',
    ...rows.map(({ group: name, told }) => `| ${name} | ${told ? `${words.common.score(told.right, told.clips)} | ${percent(told.recall)}` : `${few} | `} |`), '', others];
}

/**
 * What a label is shown by, in words.
 * @param {string} sign
 * @param {Words} words
 */
function signName(sign, words) {
  const known = /** @type {Record<string, string>} */ (words.pictures);
  if (!sign) return '';
  return `${words.card.sign}: ${plain(Object.hasOwn(known, sign) ? known[sign] : sign)}`;
}

/**
 * What people typed, without meaning in Markdown.
 * @param {string} typed
 */
function plain(typed) {
  return typed.replace(/[\\`*_{}[\]<>|#~]/g, '\\$&');
}
