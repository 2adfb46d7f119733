@echo off
rem Starts Chorus for a class: over https, with the teacher's page in the browser. START.html tells more.
rem Options given here go to `chorus serve`.
cd /d "%~dp0"
chcp 65001 >nul
chorus.exe serve --tls self-signed --open %*
if errorlevel 1 pause
