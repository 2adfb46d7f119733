// From what was dropped or chosen to plain files with their paths: folders are walked to the bottom.

/** @typedef {{file: File, path: string}} FoundFile */

/**
 * All files in a drop. Must be called within the drop event: the browser forgets the entries right after.
 * @param {DataTransfer} transfer
 * @returns {Promise<FoundFile[]>}
 */
export async function filesOfDrop(transfer) {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.()).filter((entry) => entry != null);
  if (entries.length === 0) return Array.from(transfer.files, (file) => ({ file, path: file.name }));
  const found = await Promise.all(entries.map(walk));
  return found.flat();
}

/**
 * All files that an `<input type=file>` gave.
 * @param {HTMLInputElement} input
 * @returns {FoundFile[]}
 */
export function filesOfInput(input) {
  return Array.from(input.files ?? [], (file) => ({ file, path: file.webkitRelativePath || file.name }))
    .filter(({ path }) => !hidden(path));
}

/**
 * @param {FileSystemEntry} entry
 * @returns {Promise<FoundFile[]>}
 */
async function walk(entry) {
  if (hidden(entry.fullPath)) return [];
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => {
      /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject);
    });
    return [{ file, path: entry.fullPath.replace(/^\//, '') }];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    // A reader gives a folder in portions (of 100 in Chromium); an empty one is the end.
    const portion = await /** @type {Promise<FileSystemEntry[]>} */ (new Promise((resolve, reject) => {
      reader.readEntries(resolve, reject);
    }));
    if (portion.length === 0) return found;
    for (const child of portion) found.push(...await walk(child));
  }
}

/**
 * Files that systems put into folders for themselves, such as .DS_Store.
 * @param {string} path
 */
function hidden(path) {
  return (path.split('/').pop() ?? '').startsWith('.');
}
