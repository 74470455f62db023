"""smtpnb."""
