//! A state file: a head, and parts by name, sealed with the installation key.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `stilt-st` |
//! | 4 | version of the format |
//! | 8 | which installation key, as a keyed hash |
//! | 12 | nonce, derived from what is sealed |
//! | … | sealed (ChaCha20-Poly1305, RFC 8439; the bytes before are authenticated as well) |
//!
//! Sealed are the packet time it was saved at (8 bytes, nanoseconds), the number of parts (4), and
//! of each part the length of its name (2), the name, the length of its memory (8), and the memory
//! (`stilt_model::saved`). Numbers are little-endian. Names of users are in it, so that whoever
//! comes by a copy without the key must not read it; and who can't seal one can't make one up.
//!
//! What a part holds may change from version to version of the program: its fields are named. Only
//! another way to cut the file makes another version of the format.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use std::collections::BTreeMap;
use stilt_model::{Key, Timestamp};

const MAGIC: &[u8; 8] = b"stilt-st";
pub(crate) const VERSION: u32 = 9;
/// Bytes before the nonce, and before what is sealed.
const HEAD: usize = 20;
const SEALED: usize = HEAD + 12;

/// What was remembered, by part.
pub(crate) type Parts = BTreeMap<String, Vec<u8>>;

fn head(key: &Key) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let owner = key.hash("state", b"whose").to_le_bytes();
    let bytes =
        MAGIC.iter().chain(&VERSION.to_le_bytes()).chain(&owner).copied().collect::<Vec<_>>();
    head.copy_from_slice(&bytes);
    head
}

fn seal(key: &Key) -> Result<LessSafeKey, ring::error::Unspecified> {
    Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key.derive("state"))?))
}

/// The same for the same content, and for no other: nothing is sealed twice in two ways.
fn nonce(key: &Key, content: &[u8]) -> [u8; 12] {
    let hash = blake3::keyed_hash(&key.derive("state nonce"), content);
    let mut nonce = [0; 12];
    nonce.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    nonce
}

/// The file as bytes; the same memory gives the same ones.
///
/// # Errors
/// It can't be sealed: it is larger than any memory.
pub(crate) fn encode(key: &Key, at: Timestamp, parts: &Parts) -> Result<Vec<u8>, String> {
    let length: usize = parts.iter().map(|(name, part)| name.len() + part.len() + 10).sum();
    let mut bytes = Vec::with_capacity(length + 128);
    bytes.extend_from_slice(&at.nanos().to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(parts.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (name, part) in parts {
        bytes.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    let (head, nonce) = (head(key), nonce(key, &bytes));
    let sealed = seal(key).and_then(|seal| {
        let nonce = Nonce::assume_unique_for_key(nonce);
        seal.seal_in_place_separate_tag(nonce, Aad::from(head), &mut bytes)
    });
    let tag = sealed.map_err(|_| "too large to be sealed".to_owned())?;
    bytes.extend_from_slice(tag.as_ref());
    bytes.splice(0..0, head.into_iter().chain(nonce));
    Ok(bytes)
}

/// Takes a file apart.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(crate) fn decode(key: &Key, mut bytes: Vec<u8>) -> Result<(Timestamp, Parts), String> {
    let mut rest = bytes.as_slice();
    if take::<8>(&mut rest).as_ref() != Some(MAGIC) {
        return Err("not a state file; name another folder, or move it away".to_owned());
    }
    let damaged = || "damaged; move it away to begin anew".to_owned();
    let version = take(&mut rest).map(u32::from_le_bytes).ok_or_else(damaged)?;
    if version != VERSION {
        return Err(format!(
            "written in format {version}, and this version reads {VERSION}; run the version that \
             wrote it, or move it away to begin anew"
        ));
    }
    let head = head(key);
    if !bytes.starts_with(&head) {
        return Err("saved under another installation key ([privacy] key_file); use that key, or \
                    move it away to begin anew"
            .to_owned());
    }
    take::<8>(&mut rest).ok_or_else(damaged)?;
    let nonce = Nonce::assume_unique_for_key(take(&mut rest).ok_or_else(damaged)?);
    let sealed = bytes.get_mut(SEALED..).ok_or_else(damaged)?;
    let opened = seal(key).and_then(|seal| seal.open_in_place(nonce, Aad::from(head), sealed));
    let mut rest: &[u8] = opened.map_err(|_| damaged())?;
    parts(&mut rest).ok_or_else(damaged)
}

fn parts(rest: &mut &[u8]) -> Option<(Timestamp, Parts)> {
    let at = Timestamp::from_nanos(i64::from_le_bytes(take(rest)?));
    let count = u32::from_le_bytes(take(rest)?);
    let mut parts = Parts::new();
    for _ in 0..count {
        let length = usize::from(u16::from_le_bytes(take(rest)?));
        let name = core::str::from_utf8(slice(rest, length)?).ok()?.to_owned();
        let length = usize::try_from(u64::from_le_bytes(take(rest)?)).ok()?;
        parts.insert(name, slice(rest, length)?.to_vec());
    }
    rest.is_empty().then_some((at, parts))
}

fn slice<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    slice(rest, N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_refused_with_what_to_do() {
        let key = Key::new([7; 32]);
        let parts: Parts = [("one".to_owned(), vec![1; 300]), ("two".to_owned(), vec![])].into();
        let at = Timestamp::from_secs(1_795_348_551);
        let bytes = encode(&key, at, &parts).unwrap();
        assert!(!bytes.windows(8).any(|part| part == [1; 8]), "it is not sealed");
        assert_eq!(decode(&key, bytes.clone()), Ok((at, parts)));
        let why = |bytes: &[u8]| decode(&key, bytes.to_vec()).unwrap_err();
        for cut in 0..bytes.len() {
            let why = why(&bytes[..cut]);
            assert!(why.contains("move it away"), "{cut}: {why}");
        }
        for at in HEAD..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert!(why(&bytes).starts_with("damaged"), "{at}");
        }
        let mut later = bytes.clone();
        later[8] = later[8].wrapping_add(1);
        let told = format!("written in format {}", VERSION + 1);
        assert!(why(&later).starts_with(&told));
        let other = decode(&Key::new([8; 32]), bytes).unwrap_err();
        assert!(other.contains("another installation key"), "{other}");
    }
}
