#!/bin/sh
# Starts Chorus for a class: over https, with the teacher's page in the browser. START.html tells more.
# Options given here go to `chorus serve`.
cd "$(dirname "$0")" || exit 1
if [ ! -t 1 ] && [ -z "$CHORUS_IN_TERMINAL" ]; then
  # Clicked on: open a window to see it in, and to end it by.
  export CHORUS_IN_TERMINAL=1
  command -v gnome-terminal >/dev/null && exec gnome-terminal --wait -- "./$(basename "$0")" "$@"
  for terminal in x-terminal-emulator konsole xfce4-terminal xterm; do
    command -v "$terminal" >/dev/null && exec "$terminal" -e "./$(basename "$0")" "$@"
  done
fi
./chorus serve --tls self-signed --open "$@" && exit
[ ! -t 0 ] || { printf 'Press Enter to close this window. '; read -r _; }
exit 1
