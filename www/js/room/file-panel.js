// Adding sound files: chosen, or dropped with their folders. One file after the other goes to the worker; what was
// added and what was not, and why, stands below; files without a label are asked about once, all together.

import { announce } from '../common/announcer.js';
import { byId, h, setText, show } from '../common/element.js';
import { icon } from '../common/icons.js';
import { labelIcon } from '../common/labels.js';
import { explain, labelName, words } from '../common/language.js';
import { problemOf } from '../common/problem.js';
import { composed } from '../common/transcript.js';
import { readSound } from '../sound/browser-decoder.js';
import { filesOfDrop, filesOfInput } from './dropped-files.js';

/**
 * @typedef {import('../worker/messages.js').RoomState} State
 * @typedef {import('./dropped-files.js').FoundFile & {label: number | null, madeUp?: boolean, text?: string | null, longText?: boolean}} Job
 * @typedef {{path: string, why: string}} Skipped also of one that was taken, with a word on it
 */

const LARGEST = 500e6; // bytes; far above any clip, and still below what would bring a small laptop down

/** @param {import('../worker/client.js').Client} client */
export function filePanel(client) {
  const zone = byId('files');
  const question = byId('file-question');
  const summary = byId('file-summary');
  const bar = h('progress', { max: 1, value: 0, 'aria-label': words.files.title });
  const barText = h('span', { class: 'file-now' });
  const cancel = h('button', { type: 'button', 'data-test': 'cancel-files' }, words.files.cancel);
  const progress = byId('file-progress');
  progress.append(bar, barText, cancel);

  /** @type {string[]} */
  let labels = [];
  /** @type {Job[]} */
  let queue = [];
  /** @type {Job[]} */
  let unlabelled = [];
  /** @type {Skipped[]} */
  let skipped = [];
  /** @type {Skipped[]} */
  let noticed = [];
  let added = 0;
  let done = 0;
  let running = false;

  chooser('choose-files', 'file-input', words.files.choose, 'file');
  chooser('choose-folder', 'folder-input', words.files.folder, 'folder');
  cancel.addEventListener('click', () => {
    skipped.push(...queue.map(({ path }) => ({ path, why: words.files.stopped })));
    queue = [];
  });

  // A file dropped beside the zone must not make the browser leave the page.
  for (const type of ['dragover', 'drop']) window.addEventListener(type, (event) => event.preventDefault());
  let depth = 0;
  zone.addEventListener('dragenter', () => {
    depth += 1;
    zone.classList.add('over');
  });
  zone.addEventListener('dragleave', () => {
    depth -= 1;
    if (depth <= 0) zone.classList.remove('over');
  });
  zone.addEventListener('drop', async (event) => {
    depth = 0;
    zone.classList.remove('over');
    if (!event.dataTransfer) return;
    try {
      const files = filesOfDrop(event.dataTransfer);
      announce(words.files.reading);
      await add(await files);
    } catch {
      setText(summary, words.files.errors.unreadable);
    }
  });

  /**
   * @param {string} buttonId
   * @param {string} inputId
   * @param {string} text
   * @param {import('../common/icons.js').IconName} picture
   */
  function chooser(buttonId, inputId, text, picture) {
    const input = /** @type {HTMLInputElement} */ (byId(inputId));
    const button = byId(buttonId);
    button.append(icon(picture), text);
    button.addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      const files = filesOfInput(input);
      input.value = ''; // the same file may be chosen again
      add(files).catch(() => setText(summary, words.files.errors.unreadable));
    });
  }

  /**
   * What the names of a whole folder say of its files' labels; one file's path alone could not tell a label from a person. macOS
   * hands letters over in parts, `z` and its dot, where a label is typed as `ż`.
   * @template {{path: string, label: number | null}} T
   * @param {T[]} jobs
   * @returns {Promise<T[]>}
   */
  async function labelled(jobs) {
    const { labels: found } = await client.request('labels_of', { paths: jobs.map(({ path }) => path.normalize()) });
    return jobs.map((job, index) => ({ ...job, label: job.label ?? found[index] ?? null }));
  }

  /** @param {import('./dropped-files.js').FoundFile[]} files */
  async function add(files) {
    if (files.length === 0) {
      setText(summary, words.files.nothing);
      return;
    }
    if (!running && unlabelled.length === 0) {
      added = 0;
      done = 0;
      skipped = [];
      noticed = [];
    }
    enqueue(await labelled(files.map((file) => ({ ...file, label: null }))));
  }

  /** @param {Job[]} jobs */
  async function enqueue(jobs) {
    queue.push(...jobs);
    if (running) return;
    running = true;
    show(progress, true);
    for (let job = queue.shift(); job; job = queue.shift()) {
      const total = done + 1 + queue.length;
      bar.max = total;
      bar.value = done;
      setText(barText, `${words.files.progress(done + 1, total)} · ${job.path}`);
      await take(job);
      done += 1;
    }
    running = false;
    show(progress, false);
    summarise();
    ask();
  }

  /** @param {Job} job */
  async function take({ file, path, label, madeUp = false, text = null, longText = false }) {
    try {
      if (file.size > LARGEST) throw { code: 'too_long' };
      if (/\.zip$/i.test(file.name)) return queue.unshift(...await unpack(await file.arrayBuffer()));
      const { notices } = await readSound(
        () => file.arrayBuffer(),
        (bytes) => client.request('add_file', { name: file.name, bytes, label, made_up: madeUp, text }, [bytes]),
        (decoded) => client.request('add_pcm', { name: file.name, ...decoded, label, text }, [decoded.samples.buffer]));
      added += 1;
      noticed.push(...notices.map(({ kind }) => ({ path, why: words.files.notices[kind] })));
      if (longText) noticed.push({ path, why: words.said.longText });
    } catch (error) {
      notTaken({ file, path, label, madeUp, text, longText }, error);
    }
  }

  /**
   * The clips of a zip file that this page made, perhaps on another laptop.
   * @param {ArrayBuffer} bytes
   * @returns {Promise<Job[]>}
   */
  async function unpack(bytes) {
    const { clips } = await client.request('unpack', { bytes }, [bytes]);
    return labelled(clips.map(({ path, name, label, made_up: madeUp, transcript, long_text: longText, bytes: sound }) => ({
      file: new File([sound], name), path, label, madeUp, longText, text: transcript && composed(transcript),
    })));
  }

  /**
   * @param {Job} job
   * @param {unknown} error
   */
  function notTaken(job, error) {
    const { code } = problemOf(error);
    if (code === 'needs_label') {
      unlabelled.push(job);
      return;
    }
    const unreadable = error instanceof DOMException;
    const why = unreadable ? words.files.errors.unreadable : explain(words.files.errors, error);
    skipped.push({ path: job.path, why });
    if (code === 'storage_full' || code === 'crashed') {
      skipped.push(...queue.map(({ path }) => ({ path, why })));
      queue = [];
    }
  }

  function summarise() {
    const parts = [words.files.added(added)];
    if (skipped.length) parts.push(words.files.skipped(skipped.length));
    if (unlabelled.length) parts.push(words.files.waiting(unlabelled.length));
    if (noticed.length) parts.push(words.files.noticed(noticed.length));
    const sentence = `${parts.join(', ')}.`;
    announce(sentence);
    summary.replaceChildren(h('p', {}, icon(skipped.length || noticed.length ? 'fair' : 'good'), sentence));
    listed(skipped, words.files.skippedList);
    listed(noticed, words.files.noticedList);
  }

  /**
   * @param {Skipped[]} files
   * @param {string} title of a list that is long
   */
  function listed(files, title) {
    if (files.length === 0) return;
    const list = h('ul', { class: 'skipped' }, ...files.map(({ path, why }) => h('li', {}, h('strong', {}, path), `: ${why}`)));
    summary.append(files.length > 4 ? h('details', {}, h('summary', {}, title), list) : list);
  }

  function ask() {
    show(question, unlabelled.length > 0);
    if (unlabelled.length === 0) return;
    const buttons = labels.map((label, index) => h('button', {
      type: 'button', 'data-test': `label-files-${index}`, onclick: () => answer(index),
    }, labelIcon(labels, index), labelName(label)));
    const names = unlabelled.map(({ path }) => path);
    question.replaceChildren(
      h('h4', { tabindex: -1 }, words.files.askTitle(names.length)),
      h('p', { class: 'hint file-names' }, names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ')),
      h('p', {}, words.files.ask(names.length)),
      h('div', { class: 'file-buttons' }, ...buttons,
        h('button', { type: 'button', class: 'quiet', 'data-test': 'label-files-skip', onclick: () => answer(null) }, words.files.askSkip)));
    question.querySelector('h4')?.focus();
  }

  /** @param {number | null} label */
  function answer(label) {
    const jobs = unlabelled;
    unlabelled = [];
    show(question, false);
    byId('choose-files').focus();
    if (label === null) {
      skipped.push(...jobs.map(({ path }) => ({ path, why: words.files.skippedByYou })));
      summarise();
    } else {
      enqueue(jobs.map((job) => ({ ...job, label })));
    }
  }

  return {
    /** @param {State} state */
    update({ room }) {
      labels = room.labels;
    },
  };
}
