//! https: a certificate that is given, or one that the program makes itself for the addresses it has on the LAN.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

use crate::server::disk::{make_folder, replace};
use crate::server::links;

/// Apple's systems refuse certificates that are valid for longer (support.apple.com/103769).
const VALID_FOR: Duration = Duration::days(825);

/// How the program speaks to browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain http: browsers give microphone and WebGPU on localhost only.
    Off,
    /// https with a certificate that the program makes; browsers show a warning once.
    SelfSigned,
    /// https with a given certificate chain and private key, both PEM files.
    Given {
        /// The certificate, then any intermediate ones.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

impl Tls {
    /// Reads what stands behind `--tls`: `off`, `self-signed`, or two paths.
    pub fn from_words(words: &[String]) -> Result<Self> {
        match words {
            [] => Ok(Self::Off),
            [word] if word == "off" => Ok(Self::Off),
            [word] if word == "self-signed" => Ok(Self::SelfSigned),
            [certificate, key] => Ok(Self::Given { certificate: certificate.into(), key: key.into() }),
            _ => bail!("--tls takes `off`, `self-signed`, or the paths of a certificate and its key (PEM)"),
        }
    }
}

/// A server's side of TLS, with the fingerprint that a person may compare in the browser.
pub struct Identity {
    /// What the listener needs.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the first certificate, as browsers show it.
    pub fingerprint: String,
    /// Whether this program made the certificate, which nobody else vouches for then.
    pub self_signed: bool,
}

/// The identity for `tls`, or `None` where it is off. A certificate of our own is kept under `state`, where there is one.
pub fn identity(tls: &Tls, state: Option<&Path>) -> Result<Option<Identity>> {
    let (certificate, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::Given { certificate, key } => (read(certificate)?, read(key)?),
        Tls::SelfSigned => self_signed(&names(), state)?,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<_, _>>()
        .context("the certificate is no PEM file")?;
    let Some(first) = chain.first() else { bail!("the certificate file holds no certificate (PEM is expected)") };
    let digest = ring::digest::digest(&ring::digest::SHA256, first);
    let fingerprint = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    let key =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).context("the key file holds no private key (PEM is expected)")?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and key do not belong together")?;
    // WebSockets need HTTP/1.1, and the pages are few.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Identity { config: Arc::new(config), fingerprint, self_signed: *tls == Tls::SelfSigned }))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Every name under which a browser may open this machine.
fn names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    names.extend([IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)].map(|ip| ip.to_string()));
    names.extend(links::host_names());
    names.extend(links::network_addresses().into_iter().map(|address| address.to_string()));
    names
}

/// Certificate and key as PEM text: the ones kept under `state` while they cover `names` and are valid, else new ones.
fn self_signed(names: &[String], state: Option<&Path>) -> Result<(String, String)> {
    let Some(state) = state else { return make(names) };
    let folder = state.join("tls");
    let [certificate, key, covered] = ["certificate.pem", "key.pem", "names.json"].map(|name| folder.join(name));
    if let (Ok(kept), Ok(kept_key), Ok(covered)) =
        (fs::read_to_string(&certificate), fs::read_to_string(&key), fs::read(&covered))
        && let Ok(covered) = serde_json::from_slice::<Covered>(&covered)
        && names.iter().all(|name| covered.names.contains(name))
        && OffsetDateTime::now_utc().unix_timestamp() < covered.until
    {
        return Ok((kept, kept_key));
    }
    let (new, new_key) = make(names)?;
    let until = (OffsetDateTime::now_utc() + VALID_FOR - Duration::days(7)).unix_timestamp();
    let list = serde_json::to_vec(&Covered { names: names.to_vec(), until })?;
    make_folder(&folder)?;
    for (path, content) in [(&key, new_key.as_bytes()), (&certificate, new.as_bytes()), (&covered, &list)] {
        replace(path, &[content])?;
    }
    Ok((new, new_key))
}

/// What a kept certificate is good for, so that it need not be parsed.
#[derive(serde::Serialize, serde::Deserialize)]
struct Covered {
    /// Its subject alternative names.
    names: Vec<String>,
    /// When to make a new one, in seconds since 1970.
    until: i64,
}

fn make(names: &[String]) -> Result<(String, String)> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "chorus on this network");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    parameters.not_after = parameters.not_before + VALID_FOR;
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn tls_is_one_word_or_two_paths() {
        assert_eq!(Tls::from_words(&words("self-signed")).unwrap(), Tls::SelfSigned);
        assert_eq!(Tls::from_words(&words("off")).unwrap(), Tls::Off);
        let given = Tls::Given { certificate: "c.pem".into(), key: "k.pem".into() };
        assert_eq!(Tls::from_words(&words("c.pem k.pem")).unwrap(), given);
        assert!(Tls::from_words(&words("c.pem")).is_err());
    }

    #[test]
    fn a_restart_keeps_the_fingerprint_until_the_machine_has_a_new_address() {
        let state = tempfile::tempdir().unwrap();
        let home = words("localhost 192.168.1.5");
        let first = self_signed(&home, Some(state.path())).unwrap();
        assert_eq!(self_signed(&home, Some(state.path())).unwrap(), first);
        let moved = words("localhost 10.0.0.7");
        assert_ne!(self_signed(&moved, Some(state.path())).unwrap(), first);
    }

    #[test]
    fn a_certificate_without_its_own_key_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, _) = make(&words("localhost")).unwrap();
        let (_, other_key) = make(&words("localhost")).unwrap();
        let [certificate_path, key_path] = ["c.pem", "k.pem"].map(|name| folder.path().join(name));
        fs::write(&certificate_path, certificate).unwrap();
        fs::write(&key_path, other_key).unwrap();
        let given = Tls::Given { certificate: certificate_path, key: key_path };
        let error = identity(&given, None).err().unwrap();
        assert_eq!(error.to_string(), "certificate and key do not belong together");
    }
}
