//! What the page says, in every language that the other pages have. Where menus are: support.apple.com/102390 for iPhone and iPad,
//! support.google.com/pixelphone/answer/2844832 for Android; names of menus differ a little between versions.

/// One language.
pub struct Words {
    /// As browsers call it.
    pub code: &'static str,
    /// As it calls itself.
    pub name: &'static str,
    pub title: &'static str,
    /// What it is good for.
    pub why: &'static str,
    /// Whom one trusts with it, and how far.
    pub whom: &'static str,
    pub file: &'static str,
    pub systems: [System; 4],
    /// What to do when it is installed.
    pub then: &'static str,
    /// Before the fingerprint.
    pub compare: &'static str,
    /// How to be rid of it.
    pub after: &'static str,
}

/// The steps on one kind of device.
pub struct System {
    pub name: &'static str,
    pub steps: &'static [&'static str],
}

/// All of them; the first is for everybody else.
pub const LANGUAGES: [Words; 3] = [
    Words {
        code: "en",
        name: "English",
        title: "Let this device trust the class’s server",
        why: "The server made its certificate itself, so browsers warn about it, and Safari lets no live connection through. Install \
              the certificate once, and both are over on this device.",
        whom: "Do it only if you know whoever runs this server. The certificate is good for addresses of your own network alone, and \
               for no page on the internet.",
        file: "Download the certificate",
        systems: [
            System {
                name: "iPhone and iPad",
                steps: &[
                    "Open this page in Safari, press “Download the certificate”, and allow it.",
                    "Open Settings → General → VPN & Device Management, choose “Chorus on this network”, and press Install.",
                    "Open Settings → General → About → Certificate Trust Settings (at the bottom), and switch “Chorus on this network” on.",
                ],
            },
            System {
                name: "Android",
                steps: &[
                    "Press “Download the certificate”.",
                    "Open Settings, search for “CA certificate”, choose it, and press “Install anyway”.",
                    "Choose the file chorus.crt from your downloads.",
                ],
            },
            System {
                name: "Windows",
                steps: &[
                    "Press “Download the certificate” and open the file chorus.crt.",
                    "Press “Install Certificate…”, choose “Current User”, then “Place all certificates in the following store”.",
                    "Choose “Trusted Root Certification Authorities”, finish, and answer Yes.",
                ],
            },
            System {
                name: "Mac",
                steps: &[
                    "Press “Download the certificate” and open the file chorus.crt: the app Keychain Access takes it.",
                    "In Keychain Access, open “Chorus on this network” with a double click and unfold “Trust”.",
                    "Beside “When using this certificate” choose “Always Trust”, close the window, and type your password.",
                ],
            },
        ],
        then: "Then close the browser altogether, open it again, and open your class’s link.",
        compare: "The certificate’s SHA-256 fingerprint, which has to be the one that your device shows:",
        after: "When the lesson is over, you can delete the certificate where you installed it.",
    },
    Words {
        code: "de",
        name: "Deutsch",
        title: "Dieses Gerät soll dem Server der Klasse vertrauen",
        why: "Der Server hat sein Zertifikat selbst gemacht. Darum warnen Browser davor, und Safari lässt keine Live-Verbindung durch. \
              Installiere das Zertifikat einmal, dann ist beides auf diesem Gerät vorbei.",
        whom: "Tu das nur, wenn du weißt, wer diesen Server betreibt. Das Zertifikat gilt nur für Adressen in eurem eigenen Netz und für \
               keine Seite im Internet.",
        file: "Zertifikat herunterladen",
        systems: [
            System {
                name: "iPhone und iPad",
                steps: &[
                    "Öffne diese Seite in Safari, tippe auf „Zertifikat herunterladen“ und erlaube es.",
                    "Öffne Einstellungen → Allgemein → VPN und Geräteverwaltung, wähle „Chorus on this network“ und tippe auf Installieren.",
                    "Öffne Einstellungen → Allgemein → Info → Zertifikatsvertrauenseinstellungen (ganz unten) und schalte „Chorus on this network“ ein.",
                ],
            },
            System {
                name: "Android",
                steps: &[
                    "Tippe auf „Zertifikat herunterladen“.",
                    "Öffne die Einstellungen, suche nach „CA-Zertifikat“, wähle es und tippe auf „Trotzdem installieren“.",
                    "Wähle die Datei chorus.crt aus deinen Downloads.",
                ],
            },
            System {
                name: "Windows",
                steps: &[
                    "Klicke auf „Zertifikat herunterladen“ und öffne die Datei chorus.crt.",
                    "Klicke auf „Zertifikat installieren…“, wähle „Aktueller Benutzer“, dann „Alle Zertifikate in folgendem Speicher speichern“.",
                    "Wähle „Vertrauenswürdige Stammzertifizierungsstellen“, schließe ab und antworte mit Ja.",
                ],
            },
            System {
                name: "Mac",
                steps: &[
                    "Klicke auf „Zertifikat herunterladen“ und öffne die Datei chorus.crt: Das Programm Schlüsselbundverwaltung nimmt sie auf.",
                    "Öffne in der Schlüsselbundverwaltung „Chorus on this network“ mit einem Doppelklick und klappe „Vertrauen“ auf.",
                    "Wähle neben „Bei Verwendung dieses Zertifikats“ die Antwort „Immer vertrauen“, schließe das Fenster und gib dein Passwort ein.",
                ],
            },
        ],
        then: "Schließe danach den Browser ganz, öffne ihn wieder und öffne den Link deiner Klasse.",
        compare: "Der SHA-256-Fingerabdruck des Zertifikats; dein Gerät muss denselben zeigen:",
        after: "Nach der Stunde kannst du das Zertifikat dort löschen, wo du es installiert hast.",
    },
    Words {
        code: "es",
        name: "Español",
        title: "Haz que este dispositivo confíe en el servidor de la clase",
        why: "El servidor hizo su certificado él mismo, así que los navegadores avisan, y Safari no deja pasar ninguna conexión en directo. \
              Instala el certificado una vez y ambas cosas se acaban en este dispositivo.",
        whom: "Hazlo solo si conoces a quien lleva este servidor. El certificado vale únicamente para direcciones de vuestra propia red y \
               para ninguna página de internet.",
        file: "Descargar el certificado",
        systems: [
            System {
                name: "iPhone y iPad",
                steps: &[
                    "Abre esta página en Safari, pulsa «Descargar el certificado» y permítelo.",
                    "Abre Ajustes → General → VPN y gestión de dispositivos, elige «Chorus on this network» y pulsa Instalar.",
                    "Abre Ajustes → General → Información → Ajustes de confianza de los certificados (abajo del todo) y activa «Chorus on this network».",
                ],
            },
            System {
                name: "Android",
                steps: &[
                    "Pulsa «Descargar el certificado».",
                    "Abre los Ajustes, busca «certificado de CA», elígelo y pulsa «Instalar de todos modos».",
                    "Elige el archivo chorus.crt de tus descargas.",
                ],
            },
            System {
                name: "Windows",
                steps: &[
                    "Pulsa «Descargar el certificado» y abre el archivo chorus.crt.",
                    "Pulsa «Instalar certificado…», elige «Usuario actual» y luego «Colocar todos los certificados en el siguiente almacén».",
                    "Elige «Entidades de certificación raíz de confianza», termina y responde Sí.",
                ],
            },
            System {
                name: "Mac",
                steps: &[
                    "Pulsa «Descargar el certificado» y abre el archivo chorus.crt: lo recibe la app Acceso a Llaveros.",
                    "En Acceso a Llaveros, abre «Chorus on this network» con un doble clic y despliega «Confiar».",
                    "Junto a «Al utilizar este certificado» elige «Confiar siempre», cierra la ventana y escribe tu contraseña.",
                ],
            },
        ],
        then: "Después cierra el navegador del todo, ábrelo de nuevo y abre el enlace de tu clase.",
        compare: "La huella SHA-256 del certificado; tu dispositivo tiene que mostrar la misma:",
        after: "Cuando acabe la clase, puedes borrar el certificado donde lo instalaste.",
    },
];
