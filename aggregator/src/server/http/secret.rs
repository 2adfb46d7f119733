//! Secrets that open something to whoever shows them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::ensure;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq as _;

use crate::server::disk::{make_folder, replace};

/// Where the host's secret is kept below the state folder.
const FILE: &str = "host-token";

/// A secret that allows something to whoever shows it.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// One that was chosen.
    ///
    /// # Errors
    /// It is too short.
    pub fn given(token: &str) -> anyhow::Result<Self> {
        ensure!(token.len() >= 16, "a token is too short to be a secret: give at least 16 characters");
        Ok(Self(token.into()))
    }

    /// The one that is kept in this folder, so that it stays good over a restart; made the first time, for nobody but this
    /// user to read.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn kept(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(FILE);
        if let Ok(kept) = fs::read_to_string(&file)
            && let Ok(secret) = Self::given(kept.trim())
        {
            return Ok(secret);
        }
        let secret = Self::random();
        make_folder(folder)?;
        replace(&file, &[secret.secret().as_bytes(), b"\n"])?;
        Ok(secret)
    }

    /// 128 random bits.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()).into())
    }

    /// The secret itself, for whoever started the program and for nobody else.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Whether `Authorization: Bearer …` carries it, in a time that says nothing about where it differs.
    pub(super) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        shown.is_some_and(|shown| self.is(shown))
    }

    /// Whether it is this, in a time that says nothing about where it differs.
    pub(super) fn is(&self, shown: &[u8]) -> bool {
        shown.ct_eq(self.0.as_bytes()).into()
    }
}

/// What opens which door.
#[derive(Clone)]
pub struct Secrets {
    /// The host's: everything.
    pub host: Secret,
    /// What the host's pages show for a place that is kept for them. It opens nothing else, so it may stand in an address.
    pub watch: Secret,
    /// The operator's: the metrics and nothing else.
    pub metrics: Option<Secret>,
}
