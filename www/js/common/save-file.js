// Gives the person a file, as a download that never leaves the laptop.

/**
 * @param {string} name
 * @param {BlobPart} content
 * @param {string} type its media type
 */
export function saveFile(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser reads it after the click
}
