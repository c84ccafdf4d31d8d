"""Where in a space of parameters the paper's claims live: one at a time around the profile's own point.

``conventions`` and ``device_effects`` say what is moved, ``points.plan`` lists the points, ``sparsities.train`` makes the
networks of other sparsities than the experiment's, ``evaluating.evaluate`` evaluates points that coincide once and
reports them under each of their axes, and ``claims.regions`` says where each claim has the claimed sign.
"""
