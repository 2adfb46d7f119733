//! The certificates that the program makes itself: an authority that a person may install, and what the server shows, which the
//! authority vouches for. So whoever installed the authority sees no warning when the machine gets another address, for which only
//! the second is made anew.
//!
//! What Apple's systems want is kept to (support.apple.com/103769): the name or address of the server among the alternative names, the
//! purpose `serverAuth`, a signature with SHA-2, 825 days at most. An authority has to say that it is one (`CA` among the basic
//! constraints): without that, iOS does not list it under Certificate Trust Settings, where it is switched on (seen in
//! github.com/bitwarden/server/pull/327). That the server shows another certificate than the authority's own is what Firefox and
//! webpki want, which take no authority for a server.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use ipnet::IpNet;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// How long a certificate is valid.
const VALID_FOR: Duration = Duration::days(825);
/// One that is valid for no longer than this is made anew.
const RENEWED_BEFORE: Duration = Duration::days(7);

/// The only networks for whose addresses an authority vouches, so that whoever takes its key can pass for nothing on the internet:
/// those that are nobody's there (RFC 1918, 3927, 4193, 4291, 5735, 6598).
const NETWORKS: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "100.64.0.0/10",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
];
/// And the only names, with those below them.
const NAMES: [&str; 2] = ["localhost", "local"];

/// An authority, with its key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Authority {
    /// Its certificate (PEM), which people install.
    pub certificate: String,
    /// Its private key (PEM).
    key: String,
    name: String,
    /// What it vouches for besides [`NETWORKS`] and [`NAMES`].
    besides: Vec<String>,
    /// When it ends, in seconds since 1970.
    until: i64,
}

/// What a server shows, made by an authority.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Its certificate (PEM).
    pub certificate: String,
    /// Its private key (PEM).
    pub key: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    until: i64,
}

impl Authority {
    /// A new one that may vouch for these names and addresses.
    ///
    /// # Errors
    /// One of them is none.
    pub fn new(names: &[String]) -> Result<Self> {
        let besides = names.iter().filter(|name| !is_local(name)).cloned().collect();
        let number: u32 = rand::random();
        let until = (OffsetDateTime::now_utc() - Duration::days(1) + VALID_FOR).unix_timestamp();
        let name = format!("Chorus on this network, {number:08x}");
        let key = KeyPair::generate()?;
        let mut authority = Self { certificate: String::new(), key: key.serialize_pem(), name, besides, until };
        authority.certificate = authority.parameters()?.self_signed(&key)?.pem();
        Ok(authority)
    }

    /// Whether it is valid for a while, and may vouch for all of these.
    pub fn is_good_for(&self, names: &[String]) -> bool {
        lasts(self.until) && names.iter().all(|name| is_local(name) || self.besides.contains(name))
    }

    /// A certificate for these names and addresses.
    ///
    /// # Errors
    /// One of them is none, or the authority's key is damaged.
    pub fn vouch(&self, names: &[String]) -> Result<Shown> {
        let mut parameters = parameters(names, "Chorus", self.until)?;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.use_authority_key_identifier_extension = true;
        let issuer =
            Issuer::new(self.parameters()?, KeyPair::from_pem(&self.key).context("the authority's key is damaged")?);
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &issuer)?.pem();
        Ok(Shown { certificate, key: key.serialize_pem(), names: names.to_vec(), until: self.until })
    }

    fn parameters(&self) -> Result<CertificateParams> {
        let mut parameters = parameters(&[], &self.name, self.until)?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let mut permitted_subtrees = Vec::new();
        for network in NETWORKS {
            let network: IpNet = network.parse()?;
            let subnet = CidrSubnet::from_addr_prefix(network.addr(), network.prefix_len());
            permitted_subtrees.push(GeneralSubtree::IpAddress(subnet));
        }
        permitted_subtrees.extend(NAMES.map(|name| GeneralSubtree::DnsName(name.to_owned())));
        permitted_subtrees.extend(self.besides.iter().map(|name| match name.parse::<IpAddr>() {
            Ok(address) => {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, IpNet::from(address).prefix_len()))
            }
            Err(_) => GeneralSubtree::DnsName(name.clone()),
        }));
        parameters.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        Ok(parameters)
    }
}

impl Shown {
    /// Whether it is valid for a while, for all of these.
    pub fn is_good_for(&self, names: &[String]) -> bool {
        lasts(self.until) && names.iter().all(|name| self.names.contains(name))
    }
}

fn lasts(until: i64) -> bool {
    (OffsetDateTime::now_utc() + RENEWED_BEFORE).unix_timestamp() < until
}

/// Whether every authority may vouch for it.
fn is_local(name: &str) -> bool {
    match name.parse::<IpAddr>() {
        Ok(address) => {
            NETWORKS.iter().any(|network| network.parse::<IpNet>().is_ok_and(|network| network.contains(&address)))
        }
        Err(_) => NAMES.iter().any(|known| name == *known || name.ends_with(&format!(".{known}"))),
    }
}

fn parameters(names: &[String], called: &str, until: i64) -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, called);
    // A clock that is a little behind would find it to be of tomorrow.
    parameters.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    parameters.not_after = OffsetDateTime::from_unix_timestamp(until)?;
    Ok(parameters)
}
