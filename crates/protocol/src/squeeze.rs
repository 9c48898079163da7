//! Beginnings of heads that wait for the rest, held in few bytes once there are many of them.
//!
//! A connection that stands open in the middle of a request costs little beside the text it has
//! sent. Where a megabyte of such text waits on a thread, what comes on top is compressed (zstd,
//! RFC 8878) against a dictionary of what heads usually say; less than that is left as it is, so
//! that ordinary traffic pays nothing.

use core::cell::{Cell, RefCell};
use zstd::bulk::{Compressor, Decompressor};

/// Bytes that wait on one thread before more are compressed.
const WAITING_MIN: usize = 1 << 20;
/// Shorter texts gain nothing.
const TEXT_MIN: usize = 96;
/// Longest text that is compressed.
pub(crate) const TEXT_MAX: usize = 2048;
/// Speed before size: the dictionary does most of it.
const LEVEL: i32 = 1;

/// What heads of requests and responses usually say; what is most usual stands last.
const USUAL: &[u8] = b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n\
Sec-Fetch-Dest: empty\r\nIf-None-Match: \"\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n\
Upgrade-Insecure-Requests: 1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: \r\nX-Real-IP: 10.0.\
0.\r\nX-Api-Key: \r\ntraceparent: 00-\r\nIdempotency-Key: \r\nX-CSRF-Token: \r\nOrigin: https://\
\r\nReferer: https://www.\r\nTransfer-Encoding: chunked\r\nServer: nginx\r\nContent-Encoding: gzip\
\r\nSet-Cookie: session=; Path=/; HttpOnly; SameSite=Lax\r\nAuthorization: Basic \r\nDELETE /v1/\
PATCH /v2/PUT /api/v1/HTTP/1.1 200 OK\r\nUser-Agent: python-requests/2.32.3\r\nUser-Agent: curl/8.\
User-Agent: okhttp/4.12.0\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.\
36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\nX-Forwarded-For: 192.168.\r\nX-Request-Id\
: \r\nAccept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
Content-Type: application/x-www-form-urlencoded\r\nContent-Type: application/json\r\n\
Content-Length: 1\r\nConnection: keep-alive\r\nAccept: */*\r\nAccept: application/json\r\n\
Cookie: sid=; lang=en\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
eyJhbGciOiJSUzI1NiIs.\r\nPOST /api/v1/orders HTTP/1.1\r\nHost: api.\r\n\
GET /api/v1/users?page=1&limit=10 HTTP/1.1\r\nHost: ";

struct Machine {
    press: Compressor<'static>,
    release: Decompressor<'static>,
    room: Vec<u8>,
}

impl Machine {
    fn new() -> std::io::Result<Self> {
        let mut press = Compressor::with_dictionary(LEVEL, USUAL)?;
        press.include_contentsize(false)?;
        press.include_checksum(false)?;
        press.include_dictid(false)?;
        let release = Decompressor::with_dictionary(USUAL)?;
        Ok(Self { press, release, room: Vec::new() })
    }

    fn compress(&mut self, text: &[u8]) -> Option<&[u8]> {
        self.room.clear();
        self.room.reserve(zstd::zstd_safe::compress_bound(text.len()));
        self.press.compress_to_buffer(text, &mut self.room).ok()?;
        Some(&self.room)
    }
}

thread_local! {
    static MACHINE: RefCell<Option<Machine>> = const { RefCell::new(None) };
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// Bytes in their small form; the last one says whether they are compressed.
#[derive(Debug)]
pub(crate) struct Squeezed(Box<[u8]>);

/// What the thread's machine makes of something; `None` where there is none.
fn with<T>(use_it: impl FnOnce(&mut Machine) -> Option<T>) -> Option<T> {
    MACHINE.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Machine::new().ok();
        }
        slot.as_mut().and_then(use_it)
    })
}

/// Holds bytes, at most [`TEXT_MAX`] of them, in as few as is worth it.
pub(crate) fn squeeze(mut bytes: Vec<u8>) -> Squeezed {
    let waiting = WAITING.get();
    let worth = waiting >= WAITING_MIN && (TEXT_MIN..=TEXT_MAX).contains(&bytes.len());
    let small: Option<Vec<u8>> = worth
        .then(|| with(|machine| machine.compress(&bytes).map(|small| [small, &[1]].concat())))
        .flatten()
        .filter(|small| small.len() < bytes.len());
    let held = small.unwrap_or_else(|| {
        bytes.reserve_exact(1);
        bytes.push(0);
        bytes
    });
    WAITING.set(waiting.saturating_add(held.len()));
    Squeezed(held.into_boxed_slice())
}

impl Squeezed {
    /// The bytes as they were.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        let mut bytes = core::mem::take(&mut self.0).into_vec();
        WAITING.set(WAITING.get().saturating_sub(bytes.len()));
        match bytes.pop() {
            Some(0) | None => bytes,
            Some(_) => with(|machine| machine.release.decompress(&bytes, TEXT_MAX).ok())
                .unwrap_or_default(),
        }
    }
}

impl Drop for Squeezed {
    fn drop(&mut self) {
        WAITING.set(WAITING.get().saturating_sub(self.0.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(number: usize) -> Vec<u8> {
        format!(
            "GET /api/v1/users/{number}/orders?page=3 HTTP/1.1\r\nHost: api.shop.example\r\n\
             User-Agent: shop/7.41.2 (Android 15)\r\nAccept: application/json\r\nAuthoriz"
        )
        .into_bytes()
    }

    #[test]
    fn what_waits_comes_back_as_it_was_and_takes_less_once_there_is_much() {
        let before = WAITING.get();
        let waiting: Vec<Squeezed> = (0..12_000).map(|number| squeeze(head(number))).collect();
        let whole: usize = (0..12_000).map(|number| head(number).len()).sum();
        let held = WAITING.get() - before;
        assert!(held < WAITING_MIN + whole / 4, "{held} of {whole}");
        for (number, squeezed) in waiting.into_iter().enumerate() {
            assert_eq!(squeezed.into_bytes(), head(number));
        }
        assert_eq!(WAITING.get(), before);
    }

    #[test]
    fn anything_comes_back_whatever_it_is() {
        let _much: Vec<Squeezed> = (0..12_000).map(|number| squeeze(head(number))).collect();
        let mut odd = vec![Vec::new(), vec![0], vec![0xff; 2048], b"GET ".to_vec()];
        odd.push((0..2048_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect());
        for bytes in odd {
            assert_eq!(squeeze(bytes.clone()).into_bytes(), bytes);
        }
    }
}
