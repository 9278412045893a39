"""The pure core: arrays in, arrays out. No Django, no Celery, no database.

A whole run, from data to exported files:

    digits, source = load_mnist(cache_dir=Path("var/mnist"))
    result = fit(RECIPES["fast"].hyperparameters, digits, checkpoint_dir=folder, monitor=monitor)
    exported = export(result.model, digits, folder)
    print(evaluate(exported.probabilities, digits.test_labels).accuracy)

Call `fit` again with the same folder after any interruption: it resumes, to the same bytes.
"""
