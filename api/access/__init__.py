"""What somebody may do. It follows from the endpoint's declaration and its stored policy: `policies` decides about a
request, `conditions` are what policies can ask, `declared` writes down what declarations say, `visibility` narrows lists.
"""
