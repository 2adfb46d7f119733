#!/usr/bin/env bash
# A script may dispatch an event on any EventTarget, and whoever listens to it hears of it (https://dom.spec.whatwg.org/#dom-eventtarget-dispatchevent):
# so a test that has no microphone to pull out dispatches `ended` on its MediaStreamTrack, or a library hands on its own. In Chromium
# that works. In Firefox the track's `onended` is called and none of those added with addEventListener is, not even for an event of a
# made-up name, while a plain EventTarget beside it behaves: they want to hear of the browser's own events alone, unless they say so in
# an argument that only Firefox has. A test that dispatches shows nothing there, or finds a fault that nobody has.
# What follows: the stand-in for a microphone says so for all listeners (tests/src/devices/microphone.js).
# Needs Firefox: FIREFOX, or `firefox-esr` or `firefox` on the path; and Chromium beside it: CHROMIUM, or `chromium`.
set -euo pipefail
firefox=$(command -v "${FIREFOX:-firefox-esr}" || command -v firefox) || { echo "no Firefox here"; exit 2; }
chromium=$(command -v "${CHROMIUM:-chromium}") || { echo "no Chromium here"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts puppeteer-core@25.16.0 || exit 2
cat > page.mjs <<'JS'
import { createServer } from 'node:http';
import puppeteer from 'puppeteer-core';

// Microphones are there on pages from a server of this machine.
const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end('<!doctype html><title>-</title>');
}).listen(0, '127.0.0.1');
const [firefox, chromium] = process.argv.slice(2);
const browsers = {
  firefox: {
    browser: 'firefox', executablePath: firefox,
    extraPrefsFirefox: { 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true },
  },
  chromium: {
    browser: 'chrome', executablePath: chromium,
    args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  },
};
const heard = {};
for (const [name, options] of Object.entries(browsers)) {
  const browser = await puppeteer.launch(options);
  const page = await browser.newPage();
  await page.goto(`http://localhost:${server.address().port}/`);
  heard[name] = await page.evaluate(async () => {
    const [track] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks();
    const heard = [];
    const plain = new EventTarget();
    plain.addEventListener('ended', () => heard.push('a plain target'));
    plain.dispatchEvent(new Event('ended'));
    track.onended = () => heard.push('onended');
    track.addEventListener('ended', () => heard.push('a listener'));
    track.addEventListener('made-up', () => heard.push('a listener for a made-up event'));
    track.addEventListener('ended', () => heard.push('a listener that wants it'), {}, true);
    for (const what of ['ended', 'made-up']) track.dispatchEvent(new Event(what));
    return heard.join(', ');
  });
  console.log(`${await browser.version()}: heard by ${heard[name]}`);
  await browser.close();
}
server.close();
const same = heard.firefox === 'a plain target, onended, a listener that wants it'
  && heard.chromium === 'a plain target, onended, a listener, a listener that wants it, a listener for a made-up event';
console.log(same ? 'as described' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node page.mjs "$firefox" "$chromium"
