"""Where in the space of conventions the paper's claims live: one parameter at a time around the profile's own point.

``axes`` says what is moved, ``points.plan`` lists the points, ``sparsities.train`` makes the networks of other
sparsities than the experiment's, ``evaluating.evaluate`` evaluates points that coincide once and reports them under each
of their axes, and ``claims.regions`` says where each claim has the claimed sign.
"""
