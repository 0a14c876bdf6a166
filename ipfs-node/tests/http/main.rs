//! The node by real requests over the loopback: what Kubo 0.43 answers to the same calls is what is expected.

#[cfg(test)]
mod files;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod names;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod rpc;
#[cfg(test)]
mod support;
