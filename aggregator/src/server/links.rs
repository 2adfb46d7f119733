//! The addresses under which people reach this program, and a room's link as a QR code.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Uri;
use if_addrs::{IfAddr, Interface};
use qrcode::QrCode;
use qrcode::render::svg;
use qrcode::render::unicode::Dense1x2;

/// The machine's addresses are looked up again after so long: it may have changed networks.
const GOOD_FOR: Duration = Duration::from_millis(500);

/// Where the program can be reached.
pub struct Reach {
    bound: SocketAddr,
    /// Whether this program itself speaks https.
    tls: bool,
    /// What stands in front of it is reached there.
    public: Option<PublicUrl>,
    /// Other names by which browsers may ask for it, in lower case.
    names: Vec<String>,
    /// Where it listens on all interfaces: their addresses, and when they were looked up.
    network: Mutex<Option<(Instant, Vec<IpAddr>)>>,
}

impl Reach {
    /// Of a listener bound to `bound`; an unspecified address (0.0.0.0, ::) stands for all interfaces. `names` are those by which
    /// it may be asked for besides its addresses.
    pub fn of(bound: SocketAddr, tls: bool, public: Option<PublicUrl>, names: Vec<String>) -> Self {
        let given = public.as_ref().map(|public| public.host.clone());
        let names = host_names().into_iter().chain(names).chain(given).map(|name| name.to_lowercase()).collect();
        Self { bound, tls, public, names, network: Mutex::default() }
    }

    /// The origin (`http://…`) that works on this machine alone.
    pub fn here(&self) -> String {
        match self.bound.ip() {
            address if address.is_unspecified() || address == IpAddr::V4(Ipv4Addr::LOCALHOST) => {
                format!("{}://localhost:{}", self.scheme(), self.bound.port())
            }
            address => self.origin(address),
        }
    }

    /// The origins that other machines can open, as it is now, the best first: that which somebody gave, else this machine's
    /// addresses on its networks.
    pub fn network(&self) -> Vec<String> {
        if let Some(public) = &self.public {
            return vec![public.origin.clone()];
        }
        match self.bound.ip() {
            address if address.is_unspecified() => {
                let mut known = self.network.lock().unwrap_or_else(PoisonError::into_inner);
                let kept = known.take().filter(|(at, _)| at.elapsed() < GOOD_FOR);
                let (at, addresses) = kept.unwrap_or_else(|| (Instant::now(), network_addresses()));
                let origins = addresses.iter().map(|address| self.origin(*address)).collect();
                *known = Some((at, addresses));
                origins
            }
            address if address.is_loopback() => Vec::new(),
            address => vec![self.origin(address)],
        }
    }

    /// Whether other machines reach it by https, without which their browsers give no microphone.
    pub fn is_secure(&self) -> bool {
        self.public.as_ref().map_or(self.tls, |public| public.origin.starts_with("https:"))
    }

    /// Whether only programs on this machine, such as a reverse proxy, can connect to it.
    pub fn is_local(&self) -> bool {
        self.bound.ip().is_loopback()
    }

    /// Whether a browser that asks for `host` (with or without a port) may mean this program: an address, since nobody can make
    /// that lead elsewhere, a name without a dot, since those are given in one's own network alone, or one of its names. Any other
    /// name may be a stranger's, who had it lead here (DNS rebinding).
    pub fn answers_for(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.trim_end_matches('.').to_lowercase();
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
        address.parse::<IpAddr>().is_ok()
            || (!name.is_empty() && !name.contains('.'))
            || name.ends_with(".localhost")
            || self.names.contains(&name)
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    fn origin(&self, address: IpAddr) -> String {
        format!("{}://{}", self.scheme(), SocketAddr::new(address, self.bound.port()))
    }
}

/// An origin that somebody gave: `https://chorus.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
}

impl std::str::FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no address as browsers open it, without a path; give it as in https://chorus.example.org"
            )
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        match (uri.scheme_str(), uri.authority(), uri.path(), uri.query()) {
            (Some(scheme @ ("http" | "https")), Some(authority), "" | "/", None)
                if !authority.as_str().contains('@') =>
            {
                Ok(Self { origin: format!("{scheme}://{authority}"), host: authority.host().to_owned() })
            }
            _ => Err(wrong()),
        }
    }
}

/// This machine's name, and that by which its neighbours find it (mDNS); nothing where it has none that can stand in an address.
pub fn host_names() -> Vec<String> {
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let fits = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if fits(&host) && host != "localhost" { vec![format!("{host}.local"), host] } else { Vec::new() }
}

/// This machine's addresses on its networks: those of Wi-Fi and Ethernet, then others, then those that lead to a few machines
/// alone. IPv6 is named only where there is no IPv4: its addresses are no fun to type.
pub fn network_addresses() -> Vec<IpAddr> {
    let mut interfaces: Vec<Interface> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .collect();
    let any_v4 = interfaces.iter().any(|interface| interface.ip().is_ipv4());
    interfaces.retain(|interface| interface.ip().is_ipv4() == any_v4);
    interfaces.sort_by_key(|interface| network_of(&interface.name, &interface.addr, interface.is_p2p));
    interfaces.into_iter().map(|interface| interface.ip()).collect()
}

/// What an interface leads to, the likeliest to have a class on it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Network {
    Local,
    Other,
    Private,
    Machine,
}

/// By what systems call interfaces: the kernel's and systemd's names on Linux, those of macOS, and what Windows shows.
fn network_of(interface: &str, address: &IfAddr, is_tunnel: bool) -> Network {
    let name = interface.to_lowercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let alone = match address {
        // A VPN often has one address without a network around it, or one of those that RFC 6598 sets aside.
        IfAddr::V4(v4) => v4.prefixlen == 32 || matches!(v4.ip.octets(), [100, 64..=127, ..]),
        IfAddr::V6(v6) => v6.prefixlen == 128,
    };
    if begins(&["docker", "br-", "veth", "virbr", "vmnet", "vmware", "vbox", "virtualbox", "podman", "cni", "lxc"])
        || has(&["vethernet"])
    {
        Network::Machine
    } else if is_tunnel
        || alone
        || begins(&["tun", "tap", "wg", "utun", "ppp", "ipsec", "zt", "tailscale", "nordlynx", "proton", "gpd"])
        || has(&["vpn", "wireguard", "zerotier", "anyconnect"])
    {
        Network::Private
    } else if begins(&["wl", "en", "eth", "wi-fi", "wifi", "ath"]) {
        Network::Local
    } else {
        Network::Other
    }
}

/// A link as lines of half blocks, to be shown in a terminal; `None` where it is too long for a QR code.
///
/// With `colours` it is black on white whatever the terminal's own colours are, which every camera reads; without, it
/// relies on light text on a dark ground.
pub fn qr_code(link: &str, colours: bool) -> Option<String> {
    let code = QrCode::new(link).ok()?;
    let (dark, light) = if colours { (Dense1x2::Dark, Dense1x2::Light) } else { (Dense1x2::Light, Dense1x2::Dark) };
    let picture = code.render::<Dense1x2>().dark_color(dark).light_color(light).build();
    let lines = picture.lines().map(|line| match colours {
        true => format!("  \u{1b}[38;5;16;48;5;231m{line}\u{1b}[0m\n"),
        false => format!("  {line}\n"),
    });
    Some(lines.collect())
}

/// A link as an SVG picture, black on white; `None` where it is too long for a QR code.
pub fn qr_picture(link: &str) -> Option<String> {
    let code = QrCode::new(link).ok()?;
    Some(code.render::<svg::Color<'_>>().dark_color(svg::Color("#000")).light_color(svg::Color("#fff")).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(bound: &str, tls: bool, public: Option<&str>) -> Reach {
        let public = public.map(|public| public.parse().unwrap());
        Reach::of(bound.parse().unwrap(), tls, public, vec!["Chorus.School".to_owned()])
    }

    #[test]
    fn a_listener_on_one_address_has_links_to_that_address_alone() {
        let local = reach("127.0.0.1:8080", false, None);
        assert_eq!(local.here(), "http://localhost:8080");
        assert!(local.network().is_empty() && local.is_local());
        assert_eq!(reach("192.168.1.5:443", true, None).network(), ["https://192.168.1.5:443"]);
    }

    #[test]
    fn an_ipv6_address_is_bracketed() {
        assert_eq!(reach("[::1]:8080", false, None).here(), "http://[::1]:8080");
    }

    #[test]
    fn an_address_that_was_given_is_the_one_that_others_open() {
        let behind = reach("127.0.0.1:8080", false, Some("https://chorus.example.org/"));
        assert_eq!(behind.network(), ["https://chorus.example.org"]);
        assert_eq!((behind.here().as_str(), behind.is_secure()), ("http://localhost:8080", true));
        for wrong in
            ["chorus.example.org", "https://a.example/path", "ftp://a.example", "https://me@a.example", "https://"]
        {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_addresses_and_its_own_names_are_answered_for() {
        let own = reach("0.0.0.0:8080", false, Some("https://chorus.example.org:8443"));
        for host in [
            "192.168.1.5:8080",
            "8.8.8.8",
            "[2001:db8::1]:8080",
            "localhost",
            "LOCALHOST:1",
            "a.localhost",
            "chorus:8080",
        ] {
            assert!(own.answers_for(host), "{host}");
        }
        assert!(own.answers_for("chorus.example.org") && own.answers_for("Chorus.Example.org.:443"));
        assert!(own.answers_for("chorus.school:8080"));
        assert!(host_names().iter().all(|name| own.answers_for(name)));
        for host in [
            "evil.example:8080",
            "192.168.1.5.evil.example",
            "localhost.evil.example",
            "chorus.example.org.evil.example",
            "",
        ] {
            assert!(!own.answers_for(host), "{host}");
        }
    }

    #[test]
    fn a_class_is_on_wifi_before_it_is_on_a_vpn() {
        let v4 = |address: &str, prefixlen| {
            let ip: Ipv4Addr = address.parse().unwrap();
            IfAddr::V4(if_addrs::Ifv4Addr { ip, netmask: Ipv4Addr::UNSPECIFIED, prefixlen, broadcast: None })
        };
        let network = |name, address| network_of(name, &v4(address, 24), false);
        for name in ["wlan0", "wlp3s0", "en0", "eth0", "enp0s31f6", "Wi-Fi", "Ethernet 2", "WLAN"] {
            assert_eq!(network(name, "192.168.1.5"), Network::Local, "{name}");
        }
        for name in ["tun0", "wg0", "utun3", "tailscale0", "Tailscale", "ZeroTier One [abc]", "Mullvad VPN"] {
            assert_eq!(network(name, "10.2.0.2"), Network::Private, "{name}");
        }
        assert_eq!(network("eth0", "100.64.0.7"), Network::Private);
        assert_eq!(network_of("eth1", &v4("10.2.0.2", 32), false), Network::Private);
        for name in ["docker0", "br-0123", "vEthernet (WSL)", "VirtualBox Host-Only Network"] {
            assert_eq!(network(name, "172.17.0.1"), Network::Machine, "{name}");
        }
        assert!(
            Network::Local < Network::Other && Network::Other < Network::Private && Network::Private < Network::Machine
        );
    }

    #[test]
    fn a_room_link_fits_a_qr_code_that_fits_a_terminal() {
        let code = qr_code("https://192.168.100.200:8080/room/ABCDEF", false).unwrap();
        assert!(code.lines().all(|line| line.chars().count() <= 80));
        assert!(code.contains('█'));
    }
}
