//! Stand-ins for UMS, a device and a desktop, and the real programs procy is tested with.
