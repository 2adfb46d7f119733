// Makes the one HTML file that a person takes home: the template offline.html with the styles, the scripts, the program
// and the model inside. Everything comes from this server now, so that nothing has to come from anywhere later. The file
// speaks the language of the page that made it.

import { words } from '../common/language.js';

const STYLES = ['/css/tokens.css', '/css/base.css', '/css/controls.css', '/css/clips.css', '/css/training.css', '/css/offline.css'];
const START = '/js/offline/offline.js';
const WORDS = `/words/${words.language}.js`;
const WORKLET = '/js/sound/recorder-worklet.js';
const IMPORT = /(\bfrom\s*|\bimport\s*)'([./][^']*)'/g;

/**
 * @param {import('../common/taken-home.js').TakenHome} model
 * @returns {Promise<string>} the file
 */
export async function offlineFile(model) {
  const [template, styles, modules, program] = await Promise.all([
    textOf('/offline.html'), Promise.all(STYLES.map(textOf)), modulesFrom(START, WORDS), packed('/pkg/offline_bg.wasm'),
  ]);
  // A module in a data: address has no folder that others could be beside, so each gets a name in an import map.
  const imports = Object.fromEntries([...modules].map(([path, code]) => [nameOf(path), dataAddress(code)]));
  const parts = [
    `<meta name="chorus-words" content="${nameOf(WORDS)}">`,
    `<style>${styles.join('\n')}</style>`,
    `<script id="model" type="application/json">${inScript(JSON.stringify(model))}</script>`,
    `<script id="program" type="text/plain">${program}</script>`,
    `<script type="importmap">${inScript(JSON.stringify({ imports }))}</script>`,
    `<script type="module">import '${nameOf(START)}';</script>`,
  ];
  return template.replace('<template id="parts"></template>', () => parts.join('\n'));
}

/**
 * Bytes in base64.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<string>}
 */
export async function base64(bytes) {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result).split(',')[1] ?? '');
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(new Blob([bytes]));
  });
}

/** @param {string} path */
async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

/** @param {string} path */
async function textOf(path) {
  return (await get(path)).text();
}

/** @param {string} path */
async function packed(path) {
  const { body } = await get(path);
  if (!body) throw new Error(`${path}: nothing`);
  return base64(new Uint8Array(await new Response(body.pipeThrough(new CompressionStream('gzip'))).arrayBuffer()));
}

/**
 * Modules and all that they import, by their paths, each with its imports renamed.
 * @param {...string} waiting
 * @returns {Promise<Map<string, string>>}
 */
async function modulesFrom(...waiting) {
  /** @type {Map<string, string>} */
  const modules = new Map();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (modules.has(path)) continue;
    const here = new URL(path, location.origin);
    const code = (await textOf(path)).replace(IMPORT, (_, before, specifier) => {
      const { pathname } = new URL(specifier, here);
      waiting.push(pathname);
      return `${before}'${nameOf(pathname)}'`;
    });
    modules.set(path, code.includes(WORKLET) ? code.replace(WORKLET, dataAddress(await textOf(WORKLET))) : code);
  }
  return modules;
}

/** @param {string} path */
function nameOf(path) {
  return `chorus${path}`;
}

/** @param {string} code */
function dataAddress(code) {
  return `data:text/javascript;charset=utf-8,${encodeURIComponent(code).replaceAll("'", '%27')}`;
}

/**
 * JSON as it may stand in a script element, which only its own end tag ends.
 * @param {string} json
 */
function inScript(json) {
  return json.replaceAll('<', '\\u003c');
}
