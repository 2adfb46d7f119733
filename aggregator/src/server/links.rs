//! The addresses under which people reach this program, and a room's link as a QR code.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use qrcode::QrCode;
use qrcode::render::svg;
use qrcode::render::unicode::Dense1x2;

/// Where the program can be reached, best first.
pub struct Reach {
    /// Origins (`http://…`) that work on this machine alone.
    pub here: String,
    /// Origins that other machines on the same network can open.
    pub network: Vec<String>,
    /// Whether they are https, without which browsers on other machines give no microphone.
    pub secure: bool,
}

impl Reach {
    /// Origins for a listener bound to `bound`; an unspecified address (0.0.0.0, ::) stands for all interfaces.
    pub fn of(bound: SocketAddr, secure: bool) -> Self {
        let scheme = if secure { "https" } else { "http" };
        let origin = |address: IpAddr| format!("{scheme}://{}", SocketAddr::new(address, bound.port()));
        let network = match bound.ip() {
            address if address.is_unspecified() => network_addresses().into_iter().map(origin).collect(),
            address if address.is_loopback() => Vec::new(),
            address => vec![origin(address)],
        };
        let here = match bound.ip() {
            address if address.is_unspecified() || address == IpAddr::V4(Ipv4Addr::LOCALHOST) => {
                format!("{scheme}://localhost:{}", bound.port())
            }
            address => origin(address),
        };
        Self { here, network, secure }
    }
}

/// This machine's addresses on its networks, real interfaces before those of containers and virtual machines.
/// IPv6 is named only where there is no IPv4: its addresses are no fun to type.
pub fn network_addresses() -> Vec<IpAddr> {
    let mut interfaces: Vec<_> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .collect();
    let any_v4 = interfaces.iter().any(|interface| interface.ip().is_ipv4());
    interfaces.retain(|interface| interface.ip().is_ipv4() == any_v4);
    interfaces.sort_by_key(|interface| is_virtual(&interface.name));
    interfaces.into_iter().map(|interface| interface.ip()).collect()
}

fn is_virtual(interface: &str) -> bool {
    ["docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "podman", "cni", "tun", "tap"]
        .iter()
        .any(|prefix| interface.starts_with(prefix))
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

    #[test]
    fn a_listener_on_one_address_has_links_to_that_address_alone() {
        let reach = Reach::of("127.0.0.1:8080".parse().unwrap(), false);
        assert_eq!(reach.here, "http://localhost:8080");
        assert!(reach.network.is_empty());
        let reach = Reach::of("192.168.1.5:443".parse().unwrap(), true);
        assert_eq!(reach.network, ["https://192.168.1.5:443"]);
    }

    #[test]
    fn an_ipv6_address_is_bracketed() {
        assert_eq!(Reach::of("[::1]:8080".parse().unwrap(), false).here, "http://[::1]:8080");
    }

    #[test]
    fn a_room_link_fits_a_qr_code_that_fits_a_terminal() {
        let code = qr_code("https://192.168.100.200:8080/room/ABCDEF", false).unwrap();
        assert!(code.lines().all(|line| line.chars().count() <= 80));
        assert!(code.contains('█'));
    }
}
