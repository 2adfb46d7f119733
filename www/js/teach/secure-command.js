// How to start the program so that other laptops may use their microphone. Pure.

/**
 * The command, with the rooms that are there now: without its folder they would seem lost.
 * @param {string | null} state what `--state` said, where it was given
 * @returns {string}
 */
export function secureCommand(state) {
  const command = 'chorus serve --tls self-signed';
  if (state === null) return command;
  // Shells take what stands between single quotes as it is; PowerShell does, too.
  return `${command} --state ${/^[\w./~-]+$/.test(state) ? state : `'${state.replaceAll("'", "'\\''")}'`}`;
}
