"""calorimetry"""
