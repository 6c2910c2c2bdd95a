//! A client for the UMS management interface (IMI v2 and v3), async and blocking.
