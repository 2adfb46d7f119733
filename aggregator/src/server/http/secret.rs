//! Secrets that open something to whoever shows them.

use std::sync::Arc;

use anyhow::ensure;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq as _;

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
        shown.is_some_and(|shown| shown.ct_eq(self.0.as_bytes()).into())
    }
}

/// What opens which door.
#[derive(Clone)]
pub struct Secrets {
    /// The host's: everything.
    pub host: Secret,
    /// The operator's: the metrics and nothing else.
    pub metrics: Option<Secret>,
}
