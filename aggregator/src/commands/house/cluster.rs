//! The options of `chorus serve` for one of several servers, and how it comes to be one. A program without the feature `cluster` has
//! the options, too, and says how to get one that can.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Result;
use axum_server::Handle;

use super::Home;
use crate::server::gate::Gate;
use crate::server::http::Site;
use crate::server::limits::Limits;

/// How a server takes part in a cluster.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub struct Membership {
    /// Share rooms with other servers, over NATS with JetStream: its address, or several, separated by commas, as in
    /// nats://10.0.0.5:4222. Rooms are then kept there, and go on when a server ends
    #[arg(long = "cluster", id = "cluster", value_name = "URL", hide_env_values = true)]
    nats: Option<String>,
    /// File with the credentials (.creds) that NATS asks for
    #[arg(long, value_name = "FILE")]
    cluster_credentials: Option<PathBuf>,
    /// Certificates (PEM) that NATS' own is held against; the connection has to be encrypted then
    #[arg(long, value_name = "FILE")]
    cluster_ca: Option<PathBuf>,
    /// Address of this machine, and perhaps a port, at which the other servers reach this one [default: its first on a network,
    /// and a free port]
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = address)]
    cluster_address: Option<SocketAddr>,
    /// How many servers of NATS keep each room, where there are several
    #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=5))]
    cluster_replicas: u8,
}

/// An address with a port, or with any.
fn address(text: &str) -> Result<SocketAddr, String> {
    let alone = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    text.parse()
        .or_else(|_| alone())
        .map_err(|_| "give an address of this machine, as in 10.0.0.7 or 10.0.0.7:9000".to_owned())
}

#[cfg(not(feature = "cluster"))]
impl Membership {
    /// Nothing where it is not asked for.
    ///
    /// # Errors
    /// It is asked for: this program cannot.
    pub fn join(&self, _listens: IpAddr, _state: Option<&Path>) -> Result<Option<Home>> {
        anyhow::ensure!(
            self.nats.is_none(),
            "this program was built without --cluster; build one with it: cargo build --release --bin chorus --features cluster"
        );
        Ok(None)
    }

    /// Where the rooms are kept, for people.
    pub fn shown(&self) -> Option<String> {
        None
    }
}

#[cfg(not(feature = "cluster"))]
pub fn serve_others(_: TcpListener, _: Site, _: std::sync::Arc<Gate>, _: &Limits, _: Handle<SocketAddr>) -> Result<()> {
    Ok(())
}

#[cfg(feature = "cluster")]
mod joining {
    use std::sync::Arc;

    use anyhow::Context as _;

    use super::*;
    use crate::nats::{Access, without_secrets};
    use crate::server::gate::Doorkeeper;
    use crate::server::http::{self, Secret};
    use crate::server::links;
    use crate::server::store::{Common, JetStream, Shared};

    /// The name under which NATS has what belongs to Chorus.
    const NAME: &str = "chorus";

    impl Membership {
        /// Joins the cluster, where it is asked for. `listens`: where this program is to listen for everyone.
        ///
        /// # Errors
        /// NATS cannot be used, or no other server could reach this one.
        pub fn join(&self, listens: IpAddr, state: Option<&Path>) -> Result<Option<Home>> {
            let Some(servers) = &self.nats else { return Ok(None) };
            let default = || {
                let here =
                    if listens.is_unspecified() { links::network_addresses().first().copied() } else { Some(listens) };
                SocketAddr::new(here.unwrap_or(IpAddr::from([127, 0, 0, 1])), 0)
            };
            let address = self.cluster_address.unwrap_or_else(default);
            let inside = TcpListener::bind(address).with_context(|| {
                format!("cannot listen on {address} for the other servers; give an address of this machine with --cluster-address")
            })?;
            let access = Access { credentials: self.cluster_credentials.clone(), authorities: self.cluster_ca.clone() };
            let reached = inside.local_addr()?.to_string();
            let shared = Shared::join(servers, &access, NAME, reached.clone(), self.cluster_replicas.into())?;
            let made_up = || Secret::random().secret().to_owned();
            let common = shared.common(Common { host: made_up(), watch: made_up(), member: made_up() })?;
            let state = state.filter(|state| *state != Path::new(super::super::NO_STATE)).map(Path::to_owned);
            tracing::info!(nats = without_secrets(servers), reached, "one of the servers of a cluster");
            Ok(Some(Home {
                store: Arc::new(JetStream::new(shared, &common.member)?),
                state,
                host: Secret::given(&common.host)?,
                watch: Secret::given(&common.watch)?,
                inside: Some(inside),
            }))
        }

        /// Where the rooms are kept, for people.
        pub fn shown(&self) -> Option<String> {
            self.nats.as_deref().map(without_secrets)
        }
    }

    /// Answers the other servers of the cluster.
    ///
    /// # Errors
    /// The system does not let it listen.
    pub fn serve_others(
        inside: TcpListener,
        site: Site,
        gate: Arc<Gate>,
        limits: &Limits,
        handle: Handle<SocketAddr>,
    ) -> Result<()> {
        inside.set_nonblocking(true)?;
        let server = axum_server::from_tcp(inside)?.acceptor(Doorkeeper::inside(gate));
        let server = super::super::limited(server, limits).handle(handle);
        tokio::spawn(http::notice_cut_off(site.clone()));
        let routes = http::routes(site).into_make_service();
        tokio::spawn(async move {
            if let Err(error) = server.serve(routes).await {
                tracing::error!("the other servers cannot be answered any more ({error})");
            }
        });
        Ok(())
    }
}

#[cfg(feature = "cluster")]
pub use joining::serve_others;
