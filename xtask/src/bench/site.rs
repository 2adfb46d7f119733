//! Serves folders of this machine to the browser on this machine, for as long as it lives. Plain files, read anew each
//! time, with the content types that modules and wasm need. Must not be reachable from elsewhere.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Request, Response, Server};

/// A server on a free port.
pub struct Site {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
    /// `http://localhost:PORT`, which browsers take for a secure context.
    pub origin: String,
}

impl Site {
    /// Serves each folder below its prefix.
    pub fn serve(folders: Vec<(&'static str, PathBuf)>) -> Result<Site> {
        let server = Server::http("127.0.0.1:0").map_err(|error| anyhow!("cannot serve pages: {error}"))?;
        let server = Arc::new(server);
        let port = server.server_addr().to_ip().context("the server has no port")?.port();
        let thread = std::thread::spawn({
            let server = server.clone();
            move || {
                for request in server.incoming_requests() {
                    answer(request, &folders);
                }
            }
        });
        Ok(Site { server, thread: Some(thread), origin: format!("http://localhost:{port}") })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}

/// A page whose address ends so is isolated from other origins, as those of `chorus` are: only there do workers share memory.
pub const ISOLATED: &str = "?isolated";

/// A browser that went away in the middle needs no answer, so errors of writing are passed over.
fn answer(request: Request, folders: &[(&'static str, PathBuf)]) {
    let isolated = request.url().ends_with(ISOLATED);
    let path = request.url().split('?').next().unwrap_or_default().to_owned();
    let Some(bytes) = file(&path, folders).and_then(|file| std::fs::read(file).ok()) else {
        let _ = request.respond(Response::from_string("not found").with_status_code(404));
        return;
    };
    let mut headers = vec![("Content-Type", content_type(&path)), ("Cross-Origin-Embedder-Policy", "require-corp")];
    headers.extend(isolated.then_some(("Cross-Origin-Opener-Policy", "same-origin")));
    let mut response = Response::from_data(bytes);
    headers
        .iter()
        .filter_map(|(name, value)| Header::from_bytes(*name, *value).ok())
        .for_each(|header| response.add_header(header));
    let _ = request.respond(response);
}

/// The file that a path stands for; none for one that would lead out of its folder.
fn file(path: &str, folders: &[(&'static str, PathBuf)]) -> Option<PathBuf> {
    let (folder, rest) = folders.iter().find_map(|(prefix, folder)| Some((folder, path.strip_prefix(prefix)?)))?;
    let inside = Path::new(rest).components().all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| folder.join(rest))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_inside_of_the_folders_are_found() {
        let folders = [("/bench/", PathBuf::from("/a")), ("/bundle/", PathBuf::from("/b"))];
        assert_eq!(file("/bundle/pkg/client.js", &folders), Some(PathBuf::from("/b/pkg/client.js")));
        for outside in ["/bundle/../secret", "/etc/passwd", "/bundle//etc/passwd"] {
            assert_eq!(file(outside, &folders), None, "{outside}");
        }
    }

    #[test]
    fn wasm_is_served_as_wasm() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("chorus-site-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("a.wasm"), b"\0asm")?;
        let site = Site::serve(vec![("/", folder.clone())])?;
        let mut response = ureq::get(format!("{}/a.wasm", site.origin)).call()?;
        assert_eq!(response.headers()["content-type"], "application/wasm");
        assert!(!response.headers().contains_key("cross-origin-opener-policy"));
        let isolated = ureq::get(format!("{}/a.wasm{ISOLATED}", site.origin)).call()?;
        assert_eq!(isolated.headers()["cross-origin-opener-policy"], "same-origin");
        assert_eq!(response.body_mut().read_to_vec()?, b"\0asm");
        assert!(ureq::get(format!("{}/b.wasm", site.origin)).call().is_err());
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }
}
