//! See [`azmqtt_fuzz::hub::fault_schedules`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::hub::fault_schedules(data);
});
