// Every module that a page, a worker or the Rust of the tab names is there: without a bundler nothing else tells before a
// browser does. Run with `node --test tests/page/`.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = new URL('../../', import.meta.url);
const WWW = new URL('www/', ROOT);

/** @param {URL} folder @param {RegExp} name @returns {URL[]} */
const filesBelow = (folder, name) => readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && name.test(entry.name))
  .map((entry) => new URL(`file://${entry.parentPath}/${entry.name}`));

/** What a text names as a module: in imports, in types, in addresses of scripts and workers.
 * @param {string} text */
const namedIn = (text) => [...text.matchAll(/['"`](\.{0,2}\/[\w./-]+\.(?:js|css))['"`]/g)].map(([, path]) => path);

const sources = [...filesBelow(new URL('js/', WWW), /\.js$/), ...filesBelow(WWW, /\.html$/), ...filesBelow(new URL('wasm-client/src/', ROOT), /\.rs$/)];

test('every module and style that is named is there', () => {
  let seen = 0;
  for (const source of sources) {
    for (const path of namedIn(readFileSync(source, 'utf8'))) {
      if (path.startsWith('/pkg/')) continue; // made by `cargo xtask bundle`
      const file = path.startsWith('/') ? new URL(path.slice(1), WWW) : new URL(path, source);
      assert.ok(existsSync(file), `${source.pathname} names ${path}`);
      seen += 1;
    }
  }
  assert.ok(seen > 300, `only ${seen} were found`);
});

test('whatever a module imports by name is exported there', () => {
  const IMPORT = /^import \{([^}]*)\} from '(\.[^']*)';$/gm;
  for (const source of filesBelow(new URL('js/', WWW), /\.js$/)) {
    for (const [, names, path] of readFileSync(source, 'utf8').matchAll(IMPORT)) {
      const exporting = readFileSync(new URL(path, source), 'utf8');
      for (const name of names.split(',').map((one) => one.trim().split(' as ')[0])) {
        assert.match(exporting, new RegExp(`^export (async )?(function|class|const|let) ${name}\\b`, 'm'), `${source.pathname} takes ${name} from ${path}`);
      }
    }
  }
});
