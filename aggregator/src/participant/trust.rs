//! Which servers are believed: those whose certificate the system vouches for, or any, where the person says so.

use std::io;
use std::sync::Arc;

use anyhow::Result;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio_tungstenite::tungstenite;

/// What TLS has against the other end of a socket or a request, if it is TLS.
pub fn tls_error(reason: &anyhow::Error) -> Option<&Error> {
    let of_socket = match reason.downcast_ref() {
        Some(tungstenite::Error::Io(error)) => Some(error),
        _ => None,
    };
    let of_request = match reason.downcast_ref() {
        Some(ureq::Error::Io(error)) => Some(error),
        _ => None,
    };
    of_socket.or(of_request).and_then(io::Error::get_ref)?.downcast_ref()
}

/// What to do about it, to be added to what could not be done; empty where it is not about the certificate.
pub fn advice(reason: &anyhow::Error) -> &'static str {
    match tls_error(reason) {
        Some(Error::InvalidCertificate(_)) => {
            "; if the aggregator made its own certificate (--tls self-signed), add --insecure"
        }
        _ => "",
    }
}

/// TLS with whoever it is; what is sent may be read by somebody in between.
pub fn any_certificate() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth())
}

/// Believes every certificate, and checks only that whoever shows it holds its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
