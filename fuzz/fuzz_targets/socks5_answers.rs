//! See [`azmqtt_fuzz::net::socks5_answers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::net::socks5_answers(data);
});
