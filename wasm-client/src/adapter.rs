//! What the browser's WebGPU is: asked for through plain JavaScript values, since web-sys has WebGPU only as
//! an unstable interface.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// A WebGPU adapter as the browser describes it.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// Vendor, architecture and description, as far as the browser tells them.
    pub name: String,
    /// Whether it computes on the processor after all: correct, but far slower than the CPU backend.
    pub software: bool,
}

/// Asks the browser for its adapter; `None` where there is no WebGPU.
pub async fn request() -> Option<Adapter> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).ok()?;
    let gpu = Reflect::get(&navigator, &"gpu".into()).ok().filter(|gpu| !gpu.is_undefined())?;
    let request: Function = Reflect::get(&gpu, &"requestAdapter".into()).ok()?.dyn_into().ok()?;
    let promise: Promise = request.call0(&gpu).ok()?.dyn_into().ok()?;
    let adapter = JsFuture::from(promise).await.ok().filter(|adapter| !adapter.is_null())?;
    let info = Reflect::get(&adapter, &"info".into()).unwrap_or(JsValue::UNDEFINED);
    let word = |of: &JsValue, name: &str| {
        Reflect::get(of, &name.into()).ok().and_then(|word| word.as_string()).unwrap_or_default()
    };
    let is_true = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok().is_some_and(|value| value.is_truthy());
    let (vendor, architecture, description) = if info.is_object() {
        (word(&info, "vendor"), word(&info, "architecture"), word(&info, "description"))
    } else {
        Default::default()
    };
    let software = is_true(&adapter, "isFallbackAdapter")
        || (info.is_object() && is_true(&info, "isFallbackAdapter"))
        || [&architecture, &description].iter().any(|word| {
            let word = word.to_lowercase();
            word.contains("swiftshader") || word.contains("llvmpipe")
        });
    let words: Vec<String> = [vendor, architecture, description].into_iter().filter(|word| !word.is_empty()).collect();
    let name = if words.is_empty() { "WebGPU".to_owned() } else { words.join(" ") };
    Some(Adapter { name, software })
}
