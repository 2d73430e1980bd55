"""The ground floor: what every process of the platform shares. It knows no HTTP framework."""

__version__ = "0.1.0"

#: The release of the Pulp 3 REST API that this server speaks; clients compare it with what they need.
API_CONTRACT_VERSION = "3.123.1"
