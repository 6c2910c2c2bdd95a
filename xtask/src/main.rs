//! All of the project's set-up and checks behind one word.

fn main() {}
