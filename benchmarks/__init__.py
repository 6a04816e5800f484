"""What is measured about selfsame. Long evidence grows in rows under results/, each naming its commit and command."""
