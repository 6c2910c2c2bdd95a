//! The sans-IO core of procy: Secure VNC sessions as pure state machines.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod credential;
pub mod procycmd;
pub mod rfb;
