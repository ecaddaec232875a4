/// The version of Pisces; the only place that states it. The Makefile and the Debian package read it from this line.
public let piscesVersion = "0.1.0"
