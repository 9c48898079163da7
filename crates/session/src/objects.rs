//! Which objects each actor was shown, and whose they are.
